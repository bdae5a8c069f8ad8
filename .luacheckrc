std = "min"
self = false
max_line_length = 120
include_files = { "lua/**/*.lua", "spec/**/*.lua", "examples/**/*.lua", "bench/**/*.lua", "csrc/tests/*.lua", "rockspec/*.rockspec" }
files["spec"] = { std = "max+busted" }
files["csrc/tests"] = { std = "max" }
files["bench"] = { std = "max" }
files["examples"] = { std = "max" }
files["rockspec"] = { std = "max+rockspec" }
