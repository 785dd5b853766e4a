-- wrk's script, one thread: makes each request from the target's description, judges each answer.
-- Arguments: the description (a file that returns a table, see generator.py) and the file for what was counted.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *found);
]])
local MONOTONIC = 1
local found = ffi.new("instant")

local function now()
  ffi.C.clock_gettime(MONOTONIC, found)
  return tonumber(found.seconds) + tonumber(found.nanoseconds) / 1e9
end

-- What the one thread counts; `done` runs in another Lua and asks for these by name.
right, unexpected = 0, 0
begun, ended = 0, 0
first_unexpected, told_path = "", ""

local target
-- One long string and places in it, not a table of a million strings: collecting those as garbage takes 200 ms at a time.
local text, begins, ends = "", nil, nil
local first, last = 1, 0
local following, following_first, following_last = {}, 1, 0
local verified = false

local function read_values(path)
  local file = assert(io.open(path))
  text = file:read("*a")
  file:close()
  local room = 1024
  begins, ends = ffi.new("int32_t[?]", room), ffi.new("int32_t[?]", room)
  for from, to in text:gmatch("()[^\n]+()") do
    last = last + 1
    if last == room then
      local more = { ffi.new("int32_t[?]", 2 * room), ffi.new("int32_t[?]", 2 * room) }
      ffi.copy(more[1], begins, 4 * room)
      ffi.copy(more[2], ends, 4 * room)
      begins, ends, room = more[1], more[2], 2 * room
    end
    begins[last], ends[last] = from, to - 1
  end
end

local function shuffle()
  math.randomseed(os.time())
  for place = last, 2, -1 do
    local other = math.random(place)
    begins[place], begins[other] = begins[other], begins[place]
    ends[place], ends[other] = ends[other], ends[place]
  end
end

function init(arguments)
  told_path = arguments[2]
  target = dofile(arguments[1])
  if target.values ~= "" then
    read_values(target.values)
    if target.use == "cycle" then shuffle() end
    collectgarbage()
  end
end

local function next_value()
  if target.values == "" then return "" end
  if first > last and target.use == "cycle" then first = 1 end
  if first <= last then
    first = first + 1
    return text:sub(begins[first - 1], ends[first - 1])
  end
  if following_first > following_last then return nil end
  local value = following[following_first]
  following[following_first] = nil
  following_first = following_first + 1
  return value
end

local nothing_left = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

function request()
  local started = now()
  if not verified then
    -- wrk asks for one request, which it never sends, before it begins.
    verified = true
    return nothing_left
  end
  if begun == 0 then begun = started end
  local value = started - begun < target.seconds and next_value()
  if not value then
    -- The loop ends before an answer to this can be read.
    wrk.thread:stop()
    return nothing_left
  end
  local body = target.before .. value .. target.after
  if body == "" then return target.head .. "\r\n" end
  return target.head .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  ended = now()
  local good = (status == 200 or status == 201)
    and (target.expected == "" or body:find(target.expected, 1, true) ~= nil)
  if good and target.use == "chain" then
    local value = body:match(target.next_value)
    good = value ~= nil
    if good then
      following_last = following_last + 1
      following[following_last] = value
    end
  end
  if good then
    right = right + 1
  else
    unexpected = unexpected + 1
    if first_unexpected == "" then first_unexpected = status .. " " .. body:sub(1, 300) end
  end
end

local thread

function setup(made)
  thread = made
end

function done(summary, latency)
  local errors = summary.errors
  local counted = {
    right = thread:get("right"),
    unexpected = thread:get("unexpected"),
    broken = errors.connect + errors.read + errors.write + errors.timeout,
    seconds = thread:get("ended") - thread:get("begun"),
    p50_us = latency:percentile(50),
    p99_us = latency:percentile(99),
  }
  local parts = {}
  for name, value in pairs(counted) do
    parts[#parts + 1] = string.format('"%s": %.6f', name, value)
  end
  local file = assert(io.open(thread:get("told_path"), "w"))
  file:write("{" .. table.concat(parts, ", ") .. "}\n", thread:get("first_unexpected"))
  file:close()
end
