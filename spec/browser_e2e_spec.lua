-- The devnet's wallet page in a browser: headless Chromium with a passkey authenticator made of software. The programs
-- are in spec/chromium; each prints one line of JSON per step, and leaves pictures of the pages in build/screenshots.
local programs = require "support.programs"

local steps_of = programs.steps_of("spec/chromium/", 420)

-- What happened is on the chain.
local function landed(step, net)
  for _, hash in ipairs(step.transactions or { step.transaction }) do
    assert.equal("0x1", assert(net.chain:receipt(hash)).status)
  end
end

describe("#browser the devnet's wallet", function()
  describe("with programs that speak its three ways", function()
    steps_of("page.mjs", { wallet = 0 }, {
      { "welcome", "offers to create an account" },
      { "create", "creates one with a passkey, without a transaction" },
      { "sign in", "finds the account again by its passkey" },
      { "popup approve", "says to the owner what a page asks, and gives it when approved", landed },
      { "popup reject", "gives nothing when rejected" },
      { "popup closed", "gives nothing when its window is closed" },
      { "popup reloaded", "asks again when its window was reloaded" },
      { "asked twice", "answers once when it is asked, or clicked, twice" },
      { "warnings", "warns of what is dangerous" },
      { "headless", "lists permissions without asking, those that have not landed too" },
      { "other methods", "connects without a grant, and refuses what it does not know" },
      { "grant to the connected", "grants to and revokes from a page that is connected already", landed },
      { "malformed", "says that a request cannot be read" },
      { "endpoint approve", "answers a program at its local endpoint", landed },
      { "endpoint reject", "tells a program at its endpoint of the rejection" },
      { "endpoint reloaded", "asks again there when it was reloaded" },
      { "endpoint gone", "says when the program at the endpoint is gone" },
      { "dapp gone", "says when the page that asked is gone" },
      { "redirect", "goes where a redirect tells, with the answer, and to no script", landed },
      { "revoke", "lists the sessions to the owner, and revokes one" },
      { "revoke unused", "revokes a session that was never used" },
      { "another devnet's account", "forgets an account that its devnet does not know" },
      { "no passkey", "tells owner and program that there was no passkey" },
    })
  end)

  describe("with the wallet's SDK as a web app", function()
    steps_of("sdk.mjs", { wallet = 0 }, {
      { "create in a popup", "creates an account with a session in its window", landed },
      { "reject in a popup", "tells it of a rejection" },
      { "close a popup", "lets it notice that its window was closed" },
      { "send calls in a popup", "does calls that the owner approves" },
      { "revoke in a popup", "revokes its session" },
      { "disconnect", "lets it disconnect" },
      { "connect in a frame", "shows itself inside its page, too", landed },
    })
  end)

  describe("with `rise grant`", function()
    steps_of("grant.mjs", { wallet = 0 }, {
      { "popup", "creates an account that has granted a session, which acts without asking again", landed },
      { "reject", "lets the owner reject" },
      { "close and open again", "lets the owner close and reload the window, and approve then", landed },
      { "endpoint", "approves at the program's endpoint", landed },
      { "redirect", "approves by redirect", landed },
      { "too late", "says so when the program is gone" },
      { "revoked by the owner", "revokes one session, which is refused from then on; others go on", landed },
      { "revoked by the program", "has the owner confirm when the program revokes" },
    })
  end)

  describe("with `rise grant`, and whoever would answer it wrongly", function()
    steps_of("hostile.mjs", { wallet = 0 }, {
      { "says that it granted more", "takes no grant that is wider than what was asked for" },
      { "granted more than it says", "believes no wallet that says less than it granted" },
      { "granted nothing", "believes no wallet that granted nothing" },
      { "another key", "takes no grant to another key" },
      { "another account", "takes no grant of another account than the one that was named" },
      { "to another request", "takes no answer to another request" },
      { "rejects, then approves", "takes a rejection and nothing that comes after it" },
      { "approves, then rejects", "takes an approval and nothing that comes after it", landed },
      { "answers late", "takes nothing once the program has ended" },
      { "a second page", "lets no second tab answer, and is not disturbed by it", landed },
      { "a copy of the page", "is not disturbed by a copy of its page on another origin", landed },
      { "a foreign origin", "is not disturbed by foreign pages that know all about it", landed },
      { "a foreign page leads back", "is led back to by nothing in a foreign page", landed },
      { "a window that is not the wallet", "listens to the wallet's window alone", landed },
    })
  end)
end)
