"""The web UI: pages that the server renders, and small scripts that make them quick.

Every view is an address, and every page tells its most important things without scripts.

    app.py            puts the parts together: pages (HTML) and data (``/ui/…``, JSON) of each
    part.py           what a part is, and what the parts share
    static_files.py   scripts, styles and libraries, kept for good by browsers
    words.py          times, sizes, numbers, addresses for templates
    markdown.py       notes and descriptions as HTML that is safe
    secrets_in_addresses.py   passwords in addresses are not shown
    editing.py        the same, edited where they stand

    experiments.py    /                           experiments; the jump box
    runs.py           /experiments/<ids>          the table of runs
    names.py          /ui/names, values, filter   what completes a filter and chooses columns
    bulk.py           /ui/runs/…                  many runs deleted, restored, tagged
    export.py         /ui/export.csv, .json       the runs of a table as a file
    run.py            /runs/<id>                  one run
    charts.py         /runs/<id>/charts           its metrics as curves
    artifacts.py      …/artifacts                 files of a run, a model or a version (owners.py,
                                                  file_tree.py); previews/ has one file a kind
    compare.py        /compare                    runs side by side
    registry.py       /registry…                  registered models
    model.py          /models/<id>                one logged model
    scoring.py        its form that asks endpoints; scoring_rule.py says which
    deployments.py    /deployments                what runs where

Templates and scripts have the names of the parts. ``libraries/`` says which JavaScript libraries
``setup.py`` bundles into ``static/lib``.
"""
