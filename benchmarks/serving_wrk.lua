-- One request over and over; its figures as a line of JSON. Body and content type: environment.
local file = io.open(os.getenv("WRK_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = os.getenv("WRK_CONTENT_TYPE")
file:close()

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '> {"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
