-- Replace descriptions, in random order. Arguments: a file with a video_id a line, a file with a
-- description a line, as JSON.
dofile("summary.lua")

local headers = with_key({ ["Content-Type"] = "application/json" })
local paths = {}
local bodies = {}

function init(args)
  math.randomseed(os.time())
  for id in io.lines(args[1]) do
    paths[#paths + 1] = "/api/video-analysis/" .. id
  end
  for description in io.lines(args[2]) do
    bodies[#bodies + 1] = '{"description": ' .. description .. '}'
  end
end

function request()
  return wrk.format("PUT", paths[math.random(#paths)], headers, bodies[math.random(#bodies)])
end
