--- Approval by the account's owner, in the wallet in a browser.
--
--     assert(session:grant(rise.approve.browser { name = "my bot" }))
--
-- The session's key stays here. The owner sees what it asks for, approves with a passkey, and the wallet's answer comes
-- back to this machine, where it is compared with what was asked for; then the relay must turn out to have the grant.
-- Only then does the session count as granted. Without an `account` in the session it is the owner who chooses it.
-- @module rise.approve.browser

local Endpoint = require "rise.approve.endpoint"
local answer = require "rise.approve.answer"
local check = require "rise.check"
local errors = require "rise.errors"
local json = require "rise.json"
local opener = require "rise.approve.opener"
local permissions = require "rise.permissions"

local Browser = {}
Browser.__index = Browser
Browser.__name = "rise.approve.browser"
Browser.names_account = true

local DEFAULT_TIMEOUT = 300
local WATCH_SECONDS = 2 -- between looks at the relay, where nothing else would tell

-- Nothing answers there, and nothing needs to: the answer stands in the URL.
local NOWHERE = "http://localhost/approval"

local MODES = { popup = true, relay = true, redirect = true, paste = true }

local function say_to_stderr(line)
  io.stderr:write(line, "\n")
end

-- ---- what is asked ---------------------------------------------------------------------------------------------

-- When it expires is told beside them, in the reader's own time.
local function lines_of(explained)
  local lines = json.array {}
  for _, line in ipairs(explained) do
    if not line:find("^expires at ") then lines[#lines + 1] = line end
  end
  return lines
end

local function ask(browser, account, request, kind)
  local wallet = account.wallet
  local asked = {
    kind = kind, chain_id = wallet.chain_id, public_key = request.public_key, permissions = request.permissions,
    account = account.address, orchestrator = wallet.orchestrator,
    wallet_url = browser.options.wallet_url or wallet.network.wallet,
  }
  if not asked.wallet_url then
    return errors.fail("unsupported", "network " .. wallet.network.name .. " has no wallet page",
      { hint = "name one: rise.approve.browser { wallet_url = ... }" })
  end
  asked.request = kind == "grant" and answer.grant_request(asked) or answer.revoke_request(asked)
  asked.view = {
    kind = kind, name = browser.options.name or "A program on this computer",
    lines = lines_of(permissions.explain(asked.permissions, { account = account.address, tokens = wallet.tokens })),
    expires = asked.permissions.expiry, network = wallet.network.name, chain = wallet.chain_id,
    account = account.address and { address = account.address } or nil, key = asked.public_key,
  }
  return asked
end

-- What an answer comes to: for a grant the account and what it granted, else true.
local function judge(asked, reply)
  local result, err = answer.result(reply)
  if result == nil then return nil, err end
  if asked.kind == "grant" then return answer.read_grant(result, asked) end
  return answer.read_revocation(result)
end

-- ---- ways to an answer -------------------------------------------------------------------------------------------

local function timed_out(seconds)
  return errors.fail("timeout", string.format("there was no approval within %.0f s", seconds),
    { hint = "ask again; should the owner approve this one late, it can be revoked in the wallet" })
end

-- Opens the page, or says where it is.
local function present(browser, loop, url)
  local open, say = browser.options.open, browser.say
  if type(open) == "function" then
    open(url)
  elseif open == false then
    say("Open this page in your browser to approve:\n" .. url)
  else
    local opened, err = opener.open(loop, url)
    say(opened and "Approve in your browser. If it did not open this page, do so yourself:\n" .. url
      or "The browser could not be opened (" .. err.message .. "). Open this page to approve:\n" .. url)
  end
end

local FINAL = { rejected = "rejected", timeout = "expired", canceled = "canceled" }

-- Waits for the browser. `settle` is given what the answer comes to, before the page is told.
local function by_endpoint(browser, account, asked, settle)
  local loop, timeout = account.wallet.loop, browser.options.timeout or DEFAULT_TIMEOUT
  local endpoint, err = Endpoint.open {
    loop = loop, request = asked.request, view = asked.view, wallet_url = asked.wallet_url, mode = browser.mode,
    bare = browser.options.bare,
  }
  if not endpoint then return nil, err end
  present(browser, loop, browser.mode == "relay" and endpoint.wallet_url or endpoint.url)

  local fired, result
  fired, err = endpoint.event:wait(timeout)
  if fired then
    local outcome = endpoint.outcome
    err = outcome.failure
    if not err then result, err = judge(asked, outcome) end
    if result then result, err = settle(result) end
  elseif err.code == "timeout" then
    err = select(2, timed_out(timeout))
  end
  if result then
    endpoint:finish(asked.kind == "grant" and "approved" or "revoked")
    return result
  end
  endpoint:finish(FINAL[err.code] or "error", not FINAL[err.code] and err.message or nil)
  return nil, err
end

-- Nothing leads back to this machine: the owner pastes the answer, or, with the account known, the relay is watched
-- until it has the grant.
local function by_hand(browser, account, asked, settle)
  local wallet, options = account.wallet, browser.options
  local timeout = options.timeout or DEFAULT_TIMEOUT
  local loop, deadline = wallet.loop, wallet.loop:now() + timeout
  local url = answer.redirect_url(asked.wallet_url, asked.request, NOWHERE)
  if type(options.open) == "function" then
    options.open(url)
  else
    browser.say("Open this page where your wallet is, and approve:\n" .. url)
  end
  if account.address and asked.kind == "grant" and not options.read then
    while true do
      local result, err = settle { account = account.address, permissions = asked.permissions }
      if result or (err.code ~= "not_granted" and not err.retryable) then return result, err end
      if loop:now() + WATCH_SECONDS > deadline then return timed_out(timeout) end
      local slept
      slept, err = loop:sleep(WATCH_SECONDS)
      if not slept then return nil, err end
    end
  end
  if not options.read then
    return errors.fail("usage", "without a browser here the answer must be read: rise.approve.browser { read = ... }")
  end
  local text, err = options.read()
  if not text then return nil, err or errors.new("closed", "no answer was given") end
  if loop:now() > deadline then return timed_out(timeout) end
  local reply
  reply, err = answer.from_text(text)
  if not reply then return nil, err end
  local result
  if reply.address then
    if account.address and reply.address ~= account.address then
      return errors.fail("grant_mismatch", "account: asked for " .. account.address .. ", got " .. reply.address,
        { field = "account" })
    end
    result = { account = reply.address, permissions = asked.permissions } -- what it did grant, the relay tells
  else
    result, err = judge(asked, reply)
  end
  if not result then return nil, err end
  return settle(result)
end

local function run(browser, account, asked, settle)
  local way = browser.mode == "paste" and by_hand or by_endpoint
  return way(browser, account, asked, settle)
end

-- ---- the approver ----------------------------------------------------------------------------------------------

--- Has the owner grant.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table rejected, closed, timeout, canceled; wallet (malformed, or an error of its own), grant_mismatch
-- (another key or account, or more than was asked for), not_granted (the relay knows nothing of it), limit …
function Browser:grant(account, request)
  if not request.adopt then return errors.fail("unsupported", "renewing takes an administrator's key") end
  local asked, err = ask(self, account, request, "grant")
  if not asked then return nil, err end
  return run(self, account, asked, request.adopt)
end

--- Has the owner revoke. A grant that never landed cannot be made void this way: that takes an administrator's key.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table as for `grant`; grant_pending when the relay still has a grant of the key
function Browser:revoke(account, request)
  local asked, err = ask(self, account, request, "revoke")
  if not asked then return nil, err end
  if self.mode == "paste" then return errors.fail("unsupported", "revoking takes a browser on this machine") end
  return run(self, account, asked, function() return request.confirm() end)
end

local OPTIONS = { wallet_url = "string", mode = "string", open = "boolean|callable", timeout = "number",
  name = "string", say = "callable", read = "callable", bare = "boolean" }

--- An approver that asks the account's owner in the wallet's page.
-- @tparam[opt] table options
--
-- - `name`: who asks, as the owner shall read it;
-- - `wallet_url`: the wallet's page (default: that of the network);
-- - `mode`: "popup" (default): a page of ours that shows what is asked for and opens the wallet; "relay": the wallet's
--   page, which talks to this program by itself; "redirect": our page again, and the wallet leads back to it; "paste":
--   a page for another machine, whose answer is `read` here, or seen at the relay where the session's account is known;
-- - `open`: whether to open the browser (default true), or a function that is given the URL;
-- - `timeout`: seconds for the owner to decide (300);
-- - `say`: told in a line or two what the person should do (default: on standard error);
-- - `read`: for "paste": gives the text that was pasted;
-- - `bare`: with "relay", for wallet pages that can talk to a port but not to a path
-- @treturn table
return function(options)
  options = check.options(options, OPTIONS, "rise.approve.browser")
  local mode = options.mode or "popup"
  if not MODES[mode] then error("rise.approve.browser: mode must be popup, relay, redirect or paste", 2) end
  if options.wallet_url and not options.wallet_url:find("^https?://[%w%-%.%[%]:]+[^%s?#]*$") then
    error("rise.approve.browser: wallet_url must be an http or https URL without a query", 2)
  end
  if options.timeout and not (options.timeout > 0 and options.timeout <= 86400) then
    error("rise.approve.browser: timeout must be some seconds, at most a day", 2)
  end
  if options.name and (options.name:find("%c") or #options.name == 0 or #options.name > 80) then
    error("rise.approve.browser: name must be one line of at most 80 bytes", 2)
  end
  return setmetatable({ options = options, mode = mode, say = options.say or say_to_stderr }, Browser)
end
