-- Read one record after another, in random order. Argument: a file with a video_id a line.
dofile("summary.lua")

local requests = {}

function init(args)
  math.randomseed(os.time())
  for id in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", "/api/video-analysis/" .. id)
  end
end

function request()
  return requests[math.random(#requests)]
end
