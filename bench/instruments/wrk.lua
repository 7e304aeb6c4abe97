-- wrk's side of `wrk.py`: requests in rotation, answers compared with the right ones, and the counts as a line of JSON.
-- Arguments: METHOD PATH SECONDS, and then FOLDER, of documents NNNN.json with their answers NNNN.out.json; FOLDER "same"
-- where the first one's answer is right for all; = ANSWER where nothing is posted.
--
-- After so many seconds no request is sent, and every answer is awaited: what wrk would leave under way at its end, the
-- server would work off in the time of whatever is measured next.
--
-- An answer does not tell which connection it came over, so it is looked up among all right ones. A string is hashed and
-- compared with its equal by LuaJIT as it arrives; the lookup is then one by address. That each document was answered as
-- often as it was asked is for the reader of `asked` and `answered` to see.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds, nanoseconds; } instant;
  typedef struct { unsigned long soft, hard; } limits;
  int clock_gettime(int clock, instant *now);
  int setrlimit(int resource, const limits *limits);
  int getpid(void);
  int kill(int process, int signal);
]])
local MONOTONIC, OPEN_FILES, INTERRUPT = 1, 7, 2 -- of Linux

local requests, place, places, turn = {}, {}, {}, nil
local window, began, open = 0, nil, 0
-- Globals, as `done` runs in another state and asks this one for them. `within` were answered in the window, `most` were
-- under way at a time: as many as there are users, unless a connection was refused.
asked, answered, wrong, within, most, ended = {}, {}, 0, 0, 0, false

local instant = ffi.new("instant")
local function clock()
  ffi.C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

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
  local method, path, seconds, folder, answer = unpack(args)
  window = tonumber(seconds)
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

-- Whether the window is over. From its end on no connection can be opened: wrk would open one anew for each that a
-- server closes after its answer, and a server that takes one connection at a time would wait for its request.
local function over()
  if ended then return true end
  local now = clock()
  began = began or now
  if now < began + window then return false end -- answers may come in batches: the next event may be long after
  ended = true
  ffi.C.setrlimit(OPEN_FILES, ffi.new("limits"))
  return true
end

-- All is answered: the thread ends, and wrk's main one, which sleeps until the longest time is over, is woken.
local function stop()
  wrk.thread:stop()
  ffi.C.kill(ffi.C.getpid(), INTERRUPT)
end

function request()
  if not turn then -- wrk only looks at the first one, before there is a connection
    turn = 0
    return requests[1]
  end
  if over() then
    if open == 0 then stop() end
    return "" -- nothing is sent
  end
  turn = turn % #requests + 1
  asked[places[turn]] = asked[places[turn]] + 1
  open = open + 1
  most = math.max(most, open)
  return requests[turn]
end

function response(status, headers, body)
  local found = status == 200 and place[body]
  if found then
    answered[found] = answered[found] + 1
  else
    wrong = wrong + 1
  end
  open = open - 1
  if not over() then
    within = within + 1
  elseif open == 0 then
    stop()
  end
end

local thread

function setup(only)
  thread = only
end

function done(summary)
  -- Of errors on a connection only the request that was under way is a loss, and `asked` tells of that: after the window
  -- a server may close what is idle.
  io.write(string.format(
    '{"requests":%d,"within":%d,"users":%d,"ended":%s,"refused":%d,"late":%d,"wrong":%d,"asked":[%s],"answered":[%s]}\n',
    summary.requests, thread:get("within"), thread:get("most"), tostring(thread:get("ended")),
    summary.errors.status, summary.errors.timeout, thread:get("wrong"),
    table.concat(thread:get("asked"), ","), table.concat(thread:get("answered"), ",")))
end
