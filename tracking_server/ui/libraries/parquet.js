// Parquet files as tables, read in the browser by ranges. Decompressors one by one: the package's own
// list compiles WebAssembly at once (for Snappy, which hyparquet can do itself), which our pages'
// Content-Security-Policy forbids.
import { decompress } from "fzstd";
import { decompressBrotli } from "hyparquet-compressors/src/brotli.js";
import { gunzip } from "hyparquet-compressors/src/gzip.js";
import { decompressLz4, decompressLz4Raw } from "hyparquet-compressors/src/lz4.js";

export { asyncBufferFromUrl, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";

export const compressors = {
  BROTLI: decompressBrotli,
  GZIP: (input, length) => gunzip(input, new Uint8Array(length)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
  ZSTD: (input) => decompress(input),
};
