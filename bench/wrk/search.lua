-- Search by the first words of descriptions, in random order. Argument: a file with a description a
-- line, as JSON.
dofile("summary.lua")

local requests = {}

function init(args)
  math.randomseed(os.time())
  for description in io.lines(args[1]) do
    local words = {}
    for word in description:gmatch("%a+") do
      if #words < 6 then
        words[#words + 1] = word
      end
    end
    requests[#requests + 1] = wrk.format("GET", "/api/search?limit=10&q=" .. table.concat(words, "+"))
  end
end

function request()
  return requests[math.random(#requests)]
end
