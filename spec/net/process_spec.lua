-- rise.host's child processes and signals, with real ones: sh and what every system has.
local host = require "rise.host"
local net = require "rise.net"

local LINUX = io.open("/proc/self/status") ~= nil

describe("rise.host.spawn", function()
  local children, transport

  before_each(function()
    children = {}
    transport = assert(net.transport())
  end)

  after_each(function()
    for _, child in ipairs(children) do child:close() end
    transport:close()
  end)

  local function spawn(command)
    local child = assert(host.spawn(command))
    children[#children + 1] = child
    return child
  end

  -- Everything a child writes, or, with a pattern, what matches it first.
  local function read(child, pattern)
    local text = ""
    for _ = 1, 1000 do
      local more = child:read()
      text = text .. (more or "")
      local found = pattern and text:match(pattern)
      if found then return found end
      if not more then return text end
      if more == "" then transport:step(0.02, child:fd()) end
    end
    error("the child went on for too long, after: " .. text)
  end

  local function output(...)
    return read(spawn { stdout = "pipe", ... })
  end

  -- Whether a process is there and no zombie.
  local function alive(pid)
    local child = spawn { "sh", "-c", 'case "$(ps -o stat= -p "$0" || echo Z)" in Z*|"") exit 1;; esac', pid }
    return child:wait(10) == 0
  end

  local function wait_until_dead(pid)
    for _ = 1, 200 do
      if not alive(pid) then return true end
      transport:step(0.02)
    end
    return false
  end

  it("gives what the child writes, then nil", function()
    local child = spawn { "sh", "-c", "echo one; echo two", stdout = "pipe" }
    assert.equal("one\ntwo\n", read(child))
    assert.is_nil(child:read())
    assert.is_nil(child:fd())
  end)

  it("does not wait for output", function()
    local child = spawn { "sleep", "30", stdout = "pipe" }
    assert.equal("", child:read())
    assert.is_number(child:fd())
  end)

  it("joins both outputs where both are pipes", function()
    local child = spawn { "sh", "-c", "echo out; echo err >&2; echo out again", stdout = "pipe", stderr = "pipe" }
    assert.equal("out\nerr\nout again\n", read(child))
    child = spawn { "sh", "-c", "echo out; echo err >&2", stdout = "null", stderr = "pipe" }
    assert.equal("err\n", read(child))
    child = spawn { "sh", "-c", "echo out; echo err >&2", stdout = "pipe", stderr = "null" }
    assert.equal("out\n", read(child))
  end)

  it("has nothing to read without a pipe", function()
    local child = spawn { "true", stdout = "null" }
    assert.is_nil(child:read())
    assert.is_nil(child:fd())
  end)

  it("passes arguments as they are", function()
    assert.equal("<a b><><$HOME><\"'*>", output("sh", "-c", [[printf '<%s>' "$@"]], "sh", "a b", "", "$HOME", "\"'*"))
  end)

  it("gives the child an empty standard input", function()
    assert.equal("", output("cat"))
  end)

  it("tells the exit code, again and again", function()
    local child = spawn { "sh", "-c", "exit 7" }
    assert.equal(7, child:wait(10))
    assert.equal(7, child:wait())
    assert.equal(0, spawn({ "true" }):wait(10))
  end)

  it("says that it runs", function()
    local child = spawn { "sleep", "30" }
    local code, why = child:wait(0)
    assert.is_nil(code)
    assert.equal("running", why)
    code, why = child:wait(0.02)
    assert.is_nil(code)
    assert.equal("running", why)
  end)

  it("tells which signal ended it", function()
    for name, number in pairs { TERM = 15, KILL = 9, INT = 2, HUP = 1 } do
      local child = spawn { "sleep", "30" }
      assert.is_true(child:kill(name))
      assert.equal(128 + number, child:wait(10))
      assert.is_true(child:kill(name))
    end
  end)

  it("signals the whole group", function()
    local child = spawn { "sh", "-c", "sleep 30 & echo $!; wait", stdout = "pipe" }
    local grandchild = read(child, "^(%d+)\n")
    assert.is_true(alive(grandchild))
    child:kill("TERM")
    assert.is_true(wait_until_dead(grandchild))
  end)

  it("ends what a child left behind when it is closed", function()
    local child = spawn { "sh", "-c", "sleep 30 & echo $!", stdout = "pipe" }
    local orphan = read(child, "^(%d+)\n")
    assert.equal(0, child:wait(10))
    assert.is_true(alive(orphan))
    child:close()
    assert.is_true(wait_until_dead(orphan))
  end)

  it("asks politely when it is closed, and may be closed again", function()
    local child = spawn { "sh", "-c", "trap 'echo asked >&2; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
      stdout = "pipe", stderr = "null" }
    read(child, "ready")
    local pid = child:pid()
    child:close()
    child:close()
    assert.is_false(alive(tostring(pid)))
    assert.has_error(function() child:wait(0) end)
    assert.matches("closed", tostring(child))
  end)

  it("ends a child that will not listen", function()
    local child = spawn { "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done", stdout = "pipe" }
    read(child, "ready")
    local pid = tostring(child:pid())
    child:close()
    assert.is_true(wait_until_dead(pid))
  end)

  it("is ended by the collector", function()
    local child = assert(host.spawn { "sleep", "30" })
    local pid = tostring(child:pid())
    child = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.is_true(wait_until_dead(pid))
  end)

  it("names a program that is not there", function()
    local child, err = host.spawn { "rise-no-such-program", "x" }
    assert.is_nil(child)
    assert.equal("io", err.code)
    assert.matches("rise-no-such-program", err.message, 1, true)
    assert.matches("No such file", err.message)
    child, err = host.spawn { "/no/such/folder/program" }
    assert.is_nil(child)
    assert.matches("/no/such/folder/program", err.message, 1, true)
  end)

  it("names a program that cannot run", function()
    local child, err = host.spawn { "/etc/passwd" }
    assert.is_nil(child)
    assert.equal("io", err.code)
    assert.matches("Permission denied", err.message)
    child, err = host.spawn { "/" }
    assert.is_nil(child)
    assert.equal("io", err.code)
  end)

  it("looks a program up in PATH alone when it has no slash", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write("#!/bin/sh\necho found\n")
    file:close()
    assert.equal(0, spawn({ "chmod", "700", name }):wait(10))
    local folder, base = name:match("^(.*)/([^/]+)$")
    assert.is_nil((host.spawn { base }))
    assert.equal("found\n", output(name))
    assert.equal("found\n", output("env", "PATH=" .. folder .. ":/usr/bin:/bin", base))
    os.remove(name)
  end)

  it("changes the environment as asked and passes on the rest", function()
    local child = spawn { "sh", "-c", 'echo "$RISE_A|$RISE_B|${HOME-none}|${PATH:+some}"', stdout = "pipe",
      env = { RISE_A = "a = b", RISE_B = "", HOME = false } }
    assert.equal("a = b||none|some\n", read(child))
    child = spawn { "sh", "-c", 'echo "${RISE_A-none}"', stdout = "pipe" }
    assert.equal("none\n", read(child))
  end)

  it("runs in a group of its own", function()
    local child = spawn { "sh", "-c", "echo $(ps -o pgid= -p $$); sleep 30", stdout = "pipe" }
    assert.equal(child:pid(), tonumber((read(child, "(%d+)\n"))))
  end)

  it("hands no descriptors down but the three", function()
    if not LINUX then return pending("needs /proc") end
    local server = assert(host.httpd())
    transport:submit { url = "http://127.0.0.1:" .. server:port() .. "/" }
    transport:step(0)
    local open = assert(io.open("/dev/null"))
    local list = output("sh", "-c", "ls /proc/$$/fd")
    open:close()
    server:close()
    assert.equal("0\n1\n2\n", list)
  end)

  it("starts with no signal blocked, ignored or caught", function()
    if not LINUX then return pending("needs /proc") end
    assert(host.trap("USR1"))
    local status = output("cat", "/proc/self/status")
    for _, field in ipairs { "SigBlk", "SigIgn", "SigCgt" } do
      local low = tonumber(status:match(field .. ":%s*%x+(%x%x%x%x%x%x%x%x)\n"), 16)
      assert.equal(0, low % 2 ^ 31) -- those above 31 are the C library's own
    end
  end)

  it("leaves no child behind when its parent is killed", function()
    if not LINUX then return pending("needs Linux") end
    local lowest = 0
    while arg[lowest - 1] do lowest = lowest - 1 end
    local script = ("package.cpath = %q; local host = require 'rise.host'; " ..
      "local child = assert(host.spawn{'sleep', '30'}); io.stdout:write(child:pid(), '\\n'); io.stdout:flush(); " ..
      "local other = assert(host.spawn{'sleep', '30'}); other:wait(30)"):format(package.cpath)
    local parent = spawn { arg[lowest], "-e", script, stdout = "pipe" }
    local grandchild = read(parent, "^(%d+)\n")
    assert.is_true(alive(grandchild))
    local killer = spawn { "kill", "-KILL", tostring(parent:pid()) } -- the parent alone, not its group
    assert.equal(0, killer:wait(10))
    assert.equal(137, parent:wait(10))
    assert.is_true(wait_until_dead(grandchild))
  end)

  it("raises for a caller's mistake", function()
    assert.has_error(function() host.spawn() end)
    assert.has_error(function() host.spawn {} end)
    assert.has_error(function() host.spawn { "" } end)
    assert.has_error(function() host.spawn { 1 } end)
    assert.has_error(function() host.spawn { "true", "a\0b" } end)
    assert.has_error(function() host.spawn { "true", stdin = "pipe" } end)
    assert.has_error(function() host.spawn { "true", stdout = "file" } end)
    assert.has_error(function() host.spawn { "true", env = { 1 } } end)
    assert.has_error(function() host.spawn { "true", env = { ["A=B"] = "x" } } end)
    assert.has_error(function() host.spawn { "true", env = { A = 1 } } end)
    local child = spawn { "true" }
    assert.has_error(function() child:kill("NONE") end)
    assert.has_error(function() child:wait(-1) end)
  end)
end)

describe("rise.host.trap", function()
  local function send(name)
    local child = assert(host.spawn { "sh", "-c", "kill -" .. name .. " $PPID" })
    local code
    repeat code = child:wait(10) until code
    child:close()
    assert.equal(0, code)
  end

  before_each(function()
    assert.is_true(host.trap("USR1", "USR2", "HUP"))
    repeat until not host.signal()
  end)

  it("lets go of a detached child, which goes on", function()
    local path = os.tmpname()
    os.remove(path)
    local child = assert(host.spawn { "sh", "-c", "sleep 0.2; echo done > " .. path, stdout = "null", detached = true })
    local pid = child:pid()
    child:close()
    local waiter = assert(host.spawn { "sh", "-c", "while ! [ -s " .. path .. " ]; do sleep 0.01; done" })
    local code
    for _ = 1, 6 do code = code or waiter:wait(10) end -- the signals of other specs end a wait early
    waiter:close()
    os.remove(path)
    assert.equal(0, code)
    assert.is_true(pid > 0)
  end)

  it("notes signals in the order they came", function()
    assert.is_nil(host.signal())
    for _, name in ipairs { "USR2", "HUP", "USR1", "USR2" } do send(name) end
    assert.equal("USR2", host.signal())
    assert.equal("HUP", host.signal())
    assert.equal("USR1", host.signal())
    assert.equal("USR2", host.signal())
    assert.is_nil(host.signal())
  end)

  it("wakes a loop that waits for its descriptor", function()
    local transport = assert(net.transport())
    local child = assert(host.spawn { "sh", "-c", "sleep 0.05; kill -USR1 $PPID" })
    local caught
    for _ = 1, 5 do
      transport:step(10, host.signal_fd())
      caught = host.signal()
      if caught then break end
    end
    assert.equal("USR1", caught)
    child:close()
    transport:close()
  end)

  it("ends a wait for a child early", function()
    local child = assert(host.spawn { "sh", "-c", "sleep 0.05; kill -USR1 $PPID; sleep 30" })
    local code, why = child:wait(20)
    assert.is_nil(code)
    assert.equal("running", why)
    assert.equal("USR1", host.signal())
    child:close()
  end)

  it("raises for signals that it does not know or that cannot be caught", function()
    assert.has_error(function() host.trap("KILL") end)
    assert.has_error(function() host.trap("SIGINT") end)
    assert.has_error(function() host.trap(2) end)
  end)
end)
