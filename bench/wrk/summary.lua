-- The key that the server needs, if it needs one.
wrk.headers["X-API-Key"] = os.getenv("BENCH_KEY")

function with_key(headers)
  headers["X-API-Key"] = os.getenv("BENCH_KEY")
  return headers
end

-- What every script prints when it is done: one line of JSON.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "max_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
