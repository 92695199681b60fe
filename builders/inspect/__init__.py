"""What is in a finished image: explanation, verification, bill of materials."""
