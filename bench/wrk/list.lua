-- Read the newest records. Argument: how many.
dofile("summary.lua")

local list

function init(args)
  list = wrk.format("GET", "/api/video-analysis/?limit=" .. args[1])
end

function request()
  return list
end
