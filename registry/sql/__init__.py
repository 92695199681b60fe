"""The registry in SQL: SQLite, PostgreSQL, MySQL and MariaDB."""
