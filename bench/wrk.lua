-- Sends the cookies given after `--` in turn, and ends with a line of JSON.

local requests = {}
local turn = 0

function init(cookies)
  for i = 1, math.max(#cookies, 1) do
    wrk.headers["Cookie"] = cookies[i]
    requests[i] = wrk.format()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local seconds = summary.duration / 1000000
  io.write(string.format('{"requests":%d,"seconds":%f,"errors":%d}\n', summary.requests, seconds, failed))
end
