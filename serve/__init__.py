"""A model behind HTTP, and over files: codecs, the scoring app, gunicorn.

Together with `flavors` this is all of ours that goes into a scoring image, so nothing here
imports anything else of the package. A request's way down, and the files on it:

    the processes    __main__, settings, gunicorn_app, process: one load, then workers from it;
                     banner; handover: one server takes the place of another
    the connection   worker, accepting, arrival, in_flight, large_bodies, one_packet, closer, tls:
                     gunicorn's threaded worker, and what it lacks
    the address      app: all routes; hot: past Flask; exchange: what a route gets and gives;
                     body, compression: the bytes; failures: what went wrong, as JSON;
                     sagemaker, azure, streams: more ways to ask
    who and whether  watching puts these around every route: auth, cors, admission,
                     trace_context
    which model      service, routing; multi_model on shelf, roster, memory: models that come and
                     go while the server runs
    one model        scoring: bytes in, bytes out. batching, merge, probe: together with others
    bytes to data    codecs chooses; json_forms, fast_json, simd_json, csv_rows, npy, positions,
                     arrow, arrow_sizes, arrow_columns, parquet, parquet_pages
    data to bytes    answers chooses; encode: JSON; columns: tables
    v2               v2: its routes; v2_tensors: on the wire; v2_schemas: against signatures
    told of itself   page, browsers, model_facts, examples; openapi, openapi_v2, json_schemas
    seen inside      metrics on meters; access_log; telemetry; capture, capture_rows,
                     capture_files; background: the thread behind each of them
    without HTTP     predict: a file in, a file out
"""
