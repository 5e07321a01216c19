-- Store records under new ids. Arguments: what the ids start with, a file with a description a
-- line, as JSON.
dofile("summary.lua")

local headers = with_key({ ["Content-Type"] = "application/json" })
local prefix
local descriptions = {}
local created = 0

function init(args)
  prefix = args[1]
  for description in io.lines(args[2]) do
    descriptions[#descriptions + 1] = description
  end
end

function request()
  created = created + 1
  local body = '{"video_id": "' .. prefix .. created .. '", "description": '
    .. descriptions[created % #descriptions + 1] .. '}'
  return wrk.format("POST", "/api/video-analysis/", headers, body)
end
