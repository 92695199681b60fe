"""The web UI: pages that the server renders, and small scripts that make them quick.

Every view is an address, and every page tells its most important things without scripts. A part
registers its pages and, below ``/ui/…``, what its scripts ask for; templates, scripts and styles
have the names of the parts. ``libraries/`` says which JavaScript libraries ``setup.py`` bundles
into ``static/lib``.

What all parts stand on:

    app.py            puts the parts together: pages (HTML) and data (``/ui/…``, JSON) of each
    part.py           what a part is; what a query asks for, and what a script sent
    static_files.py   scripts, styles and libraries, kept for good by browsers
    joined_scripts.py     the modules of a page as one file
    words.py          times, sizes, numbers, addresses: the templates' filters
    markdown.py       notes and descriptions as HTML that is safe
    editing.py        the same, edited where they stand
    json_text.py      JSON of anybody, read and written for people
    file_names.py     names of files, whatever they hold
    file_parts.py     a part of a file, never more
    shell.py          commands to copy
    spreadsheets.py   tables as CSV, without formulas
    secrets_in_addresses.py   what is not shown of an address

Its pages:

    experiments.py    /                           experiments; the jump box
    runs.py           /experiments/<ids>          the table of runs: runs_view.py what it shows,
                                                  runs_columns.py its columns, runs_rows.py its rows
    names.py          /ui/names, values, filter   what completes a filter and chooses columns
    bulk.py           /ui/runs/…                  many runs deleted, restored, tagged
    export.py         /ui/export.csv, .json       the runs of a table as a file
    run.py            /runs/<id>                  one run, with the help of run_frame.py,
                                                  run_values.py, run_facts.py, run_code.py and
                                                  run_environment.py
    charts.py         /runs/<id>/charts, /charts  metrics as curves
    artifacts.py      …/artifacts                 files of a run, a model or a version: owners.py
                                                  whose, file_tree.py; previews/ has one file a kind
    compare.py        /compare                    runs side by side: compare_runs.py which,
                                                  compare_table.py, compare_views.py the charts from
                                                  compare_fields.py, compare_groups.py,
                                                  compare_importance.py and compare_forest.py; which
                                                  keys and in which order: compare_keys.py
    registry.py       /registry…                  registered models: registry_search.py,
                                                  registry_model.py, registry_version.py,
                                                  registry_compare.py, registry_subject.py; their
                                                  lineage drawn by lineage_nodes.py and
                                                  lineage_graph.py
    model.py          /models/<id>                one logged model: model_frame.py, model_folder.py
                                                  its files, model_example.py, model_commands.py
    scoring.py        /ui/score                   its form that asks endpoints: scoring_rule.py says
                                                  which, scoring_call.py asks
    deployments.py    /deployments                what runs where, as deployed.py reads the notes
"""
