-- Ask whether records have changed, in random order: they have not. Argument: a file with a video_id a
-- line.
dofile("summary.lua")

local headers = with_key({ ["If-None-Match"] = '"1"' })
local requests = {}

function init(args)
  math.randomseed(os.time())
  for id in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", "/api/video-analysis/" .. id, headers)
  end
end

function request()
  return requests[math.random(#requests)]
end
