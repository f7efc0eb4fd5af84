-- Sends requests with the cookies of a file, and ends with a line of JSON. After `--`: the file, a cookie a line, and `turn`
-- or `random`. Without arguments no cookie is sent.

local cookies = {}
local order
local head, tail
local at = 0

function init(args)
  if not args[1] then
    head = wrk.format()
    return
  end
  for line in io.lines(args[1]) do
    cookies[#cookies + 1] = line
  end
  order = args[2]
  math.randomseed(os.time())
  wrk.headers["Cookie"] = "\1"
  local text = wrk.format()
  local place = text:find("\1", 1, true)
  head, tail = text:sub(1, place - 1), text:sub(place + 1)
end

function request()
  if not order then
    return head
  end
  at = order == "random" and math.random(#cookies) or at % #cookies + 1
  return head .. cookies[at] .. tail
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"errors":%d,"p50":%f,"p99":%f}\n',
    summary.requests, summary.duration / 1000000, failed, latency:percentile(50) / 1000, latency:percentile(99) / 1000
  ))
end
