// Parquet files as tables, read in the browser by ranges.
export { asyncBufferFromUrl, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
export { compressors } from "hyparquet-compressors";
