-- P-256 vectors of NIST's ECDSA validation system (FIPS 186-3): KeyPair, PKV, SigGen and SigVer with SHA-256. They come
-- with Debian's package python3-cryptography-vectors, which is too large to be taken for these four files alone;
-- RISE_NIST names another folder that has them.
local core = require "rise.core"

local FOLDER = os.getenv("RISE_NIST")
  or "/usr/lib/python3/dist-packages/cryptography_vectors/asymmetric/ECDSA/FIPS_186-3"
local MISSING = "no NIST vectors in " .. FOLDER .. ": install python3-cryptography-vectors, or set RISE_NIST"

-- The records of one section: { Qx = "…", Result = "P (0 )", … }. nil where the file is not there.
local function records(name, section)
  local file = io.open(FOLDER .. "/" .. name .. ".rsp", "rb")
  if not file then return nil end
  local found, inside, current = {}, false, nil
  for line in file:lines() do
    line = line:gsub("\r$", "")
    local curve = line:match("^%[([PKB]%-.-)%]$")
    if curve then inside, current = curve == section, nil end
    local key, value = line:match("^(%a+) = (.+)$")
    if not inside or not key or key == "N" then
      current = nil
    else
      if not current then
        current = {}
        found[#found + 1] = current
      end
      current[key] = value
    end
  end
  file:close()
  return found
end

-- A number as 32 bytes; nil where it takes more, as some that should be refused do.
local function word(hex)
  hex = hex:gsub("^0+", "")
  if #hex > 64 then return nil end
  return core.unhex("0x" .. ("0"):rep(64 - #hex) .. hex)
end

local function point(record)
  local x, y = word(record.Qx), word(record.Qy)
  return x and y and x .. y
end

-- The published s is often in the upper half, which rise takes from nobody.
local function verify(record)
  local sig = core.p256_low_s(assert(word(record.R)) .. assert(word(record.S)))
  return core.p256_verify(point(record), core.sha256(core.unhex("0x" .. record.Msg)), sig)
end

describe("core P-256, by NIST's vectors,", function()
  it("makes the public keys of KeyPair", function()
    local cases = records("KeyPair", "P-256")
    if not cases then return pending(MISSING) end
    for _, case in ipairs(cases) do
      local key = assert(core.key_import("p256", word(case.d)))
      assert.equal(core.hex(point(case)), core.hex(key:public()))
    end
    assert.equal(10, #cases)
  end)

  it("agrees with PKV on which points are public keys", function()
    local cases = records("PKV", "P-256")
    if not cases then return pending(MISSING) end
    local digest, sig = ("\1"):rep(32), ("\1"):rep(64)
    local valid = 0
    for _, case in ipairs(cases) do
      local key = point(case)
      local _, err
      -- What takes more than 32 bytes cannot be handed over at all.
      if key then _, err = core.p256_verify(key, digest, sig) end
      if case.Result:sub(1, 1) == "P" then
        valid = valid + 1
        assert.equal("invalid_signature", err.code)
      elseif key then
        assert.equal("invalid_key", err.code, case.Result)
      end
    end
    assert.equal(12, #cases)
    assert.is_true(valid > 0 and valid < #cases)
  end)

  it("verifies the signatures of SigGen", function()
    local cases = records("SigGen", "P-256,SHA-256")
    if not cases then return pending(MISSING) end
    for _, case in ipairs(cases) do
      assert.is_true(verify(case))
      case.Msg = case.Msg .. "00"
      assert.is_nil((verify(case)))
    end
    assert.equal(15, #cases)
  end)

  it("agrees with SigVer on which signatures are valid", function()
    local cases = records("SigVer", "P-256,SHA-256")
    if not cases then return pending(MISSING) end
    local valid = 0
    for _, case in ipairs(cases) do
      local ok, err = verify(case)
      if case.Result:sub(1, 1) == "P" then
        valid = valid + 1
        assert.is_true(ok)
      else
        assert.is_nil(ok)
        assert.equal("invalid_signature", err.code, case.Result)
      end
    end
    assert.equal(15, #cases)
    assert.is_true(valid > 0 and valid < #cases)
  end)
end)
