--- What the devnet is made of and where it lies: the npm packages, the contracts' creation code.
--
-- The account contracts are read out of the wallet's own package and compared with the hashes below, so that a devnet
-- is either the real thing or refuses to start. The two example contracts are compiled when their sources changed, and
-- so the wallet's page is bundled.
-- @module rise.devnet.artifacts

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local artifacts = {}

--- keccak256 of the bare creation code of each account contract, as published in rise-wallet 0.3.5.
artifacts.CODE_HASHES = {
  Orchestrator = "0xf029a2d0ec670aec3c44ee4b3c39b23faeec72e5c2e53872b66c7d2b1e525299",
  IthacaAccount = "0x1f6ac275743646d0fa9082183a979ae27f28aeba888b380b391d0db74c541e8e",
  EIP7702Proxy = "0x6ce77c89b73ad0aef01c98d77bb8995a05bd9b69e469f1ca7d26ef8cff6d33cf",
  Simulator = "0x011c7ee6b84b0562080211f8be1fe74558cfb57a10ab6151fb3d1733fb995ba3",
  SimpleFunder = "0x2aa7e352192f3af8705d483b0fde9b919bf792bf78fbdf7ca740ed8e551bd03c",
}

local CONTRACTS = "/node_modules/rise-wallet/dist/core/internal/_generated/contracts/"
local PLATFORMS = { "linux-amd64", "linux-arm64", "darwin-arm64", "darwin-amd64" }
local SOURCES = { "Counter.sol", "SimpleToken.sol" }
local WALLET_SOURCES = { "build.js", "chain.js", "describe.js", "main.js", "view.js", "wallet.js" }

local function read_file(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function not_installed(dir, what)
  return errors.fail("io", what .. " is not there", { hint = "run `npm ci` in " .. dir })
end

--- The directory with package.json, sources and node_modules.
-- @tparam[opt] string dir as the caller gives it; else `$RISE_DEVNET_DIR`, then `devnet/` beside the library's `lua/`,
-- then `devnet/` here
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table io
function artifacts.locate(dir)
  local candidates = { dir or os.getenv("RISE_DEVNET_DIR") }
  if not candidates[1] then
    local here = debug.getinfo(1, "S").source:match("^@(.*)lua/rise/devnet/artifacts%.lua$")
    candidates = { here and here .. "devnet", "devnet" }
  end
  for _, candidate in pairs(candidates) do
    if exists(candidate .. "/compile.js") then return candidate end
  end
  local looked = {}
  for _, candidate in pairs(candidates) do looked[#looked + 1] = candidate end
  return errors.fail("io", "the devnet's directory is not there: looked at " .. table.concat(looked, " and "),
    { hint = "start in the source tree, or name its devnet/ directory with --dir or in RISE_DEVNET_DIR" })
end

--- The native anvil program. It is run directly, so that its process id is its own and nothing of node stands between.
-- @treturn[1] string path
-- @treturn[2] nil
-- @treturn[2] table io
function artifacts.anvil(dir)
  for _, platform in ipairs(PLATFORMS) do
    local path = dir .. "/node_modules/@foundry-rs/anvil-" .. platform .. "/bin/anvil"
    if exists(path) then return path end
  end
  return not_installed(dir, "the local chain (npm package @foundry-rs/anvil)")
end

--- Creation code of the account contracts, by name.
-- @treturn[1] table name to bytes
-- @treturn[2] nil
-- @treturn[2] table io, invalid_data
function artifacts.account_contracts(dir)
  local codes = {}
  for name, hash in pairs(artifacts.CODE_HASHES) do
    local text = read_file(dir .. CONTRACTS .. name .. ".js")
    if not text then return not_installed(dir, "the account contract " .. name .. " (npm package rise-wallet)") end
    local code = core.unhex(text:match("code%s*=%s*[\"'](0x%x+)[\"']") or "")
    if not code or core.hex(core.keccak256(code)) ~= hash then
      return errors.fail("invalid_data", "the code of " .. name .. " in rise-wallet is not the expected one",
        { hint = "the devnet is pinned to rise-wallet 0.3.5: run `npm ci` in " .. dir })
    end
    codes[name] = code
  end
  return codes
end

-- The compiled contracts, if they were made from the present sources.
local function cached(dir)
  local text = read_file(dir .. "/cache/contracts.json")
  local cache = text and json.decode(text)
  if type(cache) ~= "table" then return nil end
  local package = json.decode(read_file(dir .. "/package.json") or "")
  if json.get(cache, "compiler") ~= json.get(package, "dependencies", "solc") then return nil end
  for _, name in ipairs(SOURCES) do
    local source = read_file(dir .. "/contracts/" .. name)
    if not source or json.get(cache, "sources", name) ~= core.hex(core.sha256(source)):sub(3) then return nil end
  end
  local codes = {}
  for _, file in ipairs(SOURCES) do
    local name = file:gsub("%.sol$", "")
    codes[name] = core.unhex(json.get(cache, "contracts", name, "code") or "")
    if not codes[name] then return nil end
  end
  return codes
end

-- Runs a program of the devnet's directory that writes into its cache; `what` is what it does.
local function run_node(loop, dir, program, what)
  local host = require "rise.host"
  local process, err = host.spawn { "node", dir .. "/" .. program, stdout = "pipe", stderr = "pipe" }
  if not process then
    err.hint = what .. " needs Node.js"
    return nil, err
  end
  local said, deadline = {}, loop:now() + 60
  local code
  repeat
    code = process:wait(0)
    said[#said + 1] = process:read()
    if not code and loop:now() > deadline then
      process:close()
      return errors.fail("timeout", what .. " took more than 60 s")
    end
    local slept
    slept, err = loop:sleep(code and 0 or 0.02)
    if not slept then
      process:close()
      return nil, err
    end
  until code
  process:close()
  if code ~= 0 then
    return errors.fail("io", what .. " failed: " .. table.concat(said):sub(-2000),
      { hint = "try `node " .. program .. "` in " .. dir })
  end
  return true
end

local function compile(loop, dir)
  if not exists(dir .. "/node_modules/solc/package.json") then
    return not_installed(dir, "the Solidity compiler (npm package solc)")
  end
  return run_node(loop, dir, "compile.js", "compiling the example contracts")
end

--- Creation code of STK and Counter, compiled first if need be.
-- @treturn[1] table name to bytes
-- @treturn[2] nil
-- @treturn[2] table io, timeout
function artifacts.examples(loop, dir, log)
  local codes = cached(dir)
  if codes then return codes end
  log("compiling the example contracts")
  local ok, err = compile(loop, dir)
  if not ok then return nil, err end
  codes = cached(dir)
  if codes then return codes end
  return errors.fail("io", "the compiler's output in " .. dir .. "/cache is not usable",
    { hint = "remove that directory and try again" })
end

-- Whether every member of one flat table is in the other with the same value, and the other way round.
local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for name, value in pairs(a) do
    if b[name] ~= value then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

-- The wallet page's program, if it was bundled from the present sources and packages.
local function cached_wallet(dir)
  local made = json.decode(read_file(dir .. "/cache/wallet.json") or "")
  local package = json.decode(read_file(dir .. "/package.json") or "")
  if not equal(json.get(made, "dependencies"), json.get(package, "dependencies")) then return nil end
  local sources = {}
  for _, name in ipairs(WALLET_SOURCES) do
    local source = read_file(dir .. "/wallet/" .. name)
    if not source then return nil end
    sources[name] = core.hex(core.sha256(source)):sub(3)
  end
  if not equal(json.get(made, "sources"), sources) then return nil end
  local code = read_file(dir .. "/cache/wallet.js")
  return code and core.hex(core.sha256(code)):sub(3) == json.get(made, "code") and code or nil
end

--- The files of the wallet's page, bundled first if need be.
-- @treturn[1] table `html`, `css`, `js`
-- @treturn[2] nil
-- @treturn[2] table io, timeout
function artifacts.wallet(loop, dir, log)
  local html, css = read_file(dir .. "/wallet/index.html"), read_file(dir .. "/wallet/wallet.css")
  if not html or not css then return errors.fail("io", "the wallet's page is not in " .. dir .. "/wallet") end
  local js = cached_wallet(dir)
  if not js then
    if not exists(dir .. "/node_modules/esbuild/package.json") then
      return not_installed(dir, "the bundler (npm package esbuild)")
    end
    log("bundling the wallet's page")
    local ok, err = run_node(loop, dir, "wallet/build.js", "bundling the wallet's page")
    if not ok then return nil, err end
    js = cached_wallet(dir)
  end
  if js then return { html = html, css = css, js = js } end
  return errors.fail("io", "the wallet's page in " .. dir .. "/cache is not usable",
    { hint = "remove that directory and try again" })
end

return artifacts
