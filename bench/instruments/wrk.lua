-- wrk's side of `wrk.py`: requests in rotation, answers compared with the right ones, and the counts as a line of JSON.
-- Arguments: METHOD PATH FOLDER, of documents NNNN.json with their answers NNNN.out.json; FOLDER "same" where the first
-- one's answer is right for all; = ANSWER where nothing is posted.
--
-- An answer does not tell which connection it came over, so it is looked up among all right ones. A string is hashed and
-- compared with its equal by LuaJIT as it arrives; the lookup is then one by address. That each document was answered as
-- often as it was asked, but for what is under way at the end, is for the reader of `asked` and `answered` to see.

local requests, place, places, turn = {}, {}, {}, 0
asked, answered, wrong = {}, {}, 0 -- globals, as `done` runs in another state and asks this one for them

local function content(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function add(request, answer)
  table.insert(requests, request)
  place[answer] = place[answer] or #requests -- equal answers are counted in one place
  places[#requests] = place[answer]
  asked[#requests], answered[#requests] = 0, 0
end

function init(args)
  local method, path, folder, answer = unpack(args)
  if folder == "=" then return add(wrk.format(method, path), answer) end
  wrk.headers["Content-Type"] = "application/json"
  local same = answer == "same" and content(folder .. "/0000.out.json")
  repeat
    local stem = string.format("%s/%04d", folder, #requests)
    local document = content(stem .. ".json")
    if document then add(wrk.format(method, path, nil, document), same or assert(content(stem .. ".out.json"), stem)) end
  until not document
  assert(#requests > 0, folder .. " has no documents")
end

function request()
  turn = turn % #requests + 1
  asked[places[turn]] = asked[places[turn]] + 1
  return requests[turn]
end

function response(status, headers, body)
  local found = status == 200 and place[body]
  if found then
    answered[found] = answered[found] + 1
  else
    wrong = wrong + 1
  end
end

local thread

function setup(only)
  thread = only
end

function done(summary)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"lost":%d,"wrong":%d,"asked":[%s],"answered":[%s]}\n',
    summary.requests, summary.duration / 1e6, errors.status, lost, thread:get("wrong"),
    table.concat(thread:get("asked"), ","), table.concat(thread:get("answered"), ",")))
end
