# Sourced by the scripts beside it; not run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() {
  printf '== %s\n' "$*" >&2
}

# Runs a command without its output, which goes to a file and is shown only when the command fails.
quietly() {
  local log=$1 code=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" -ne 0 ]; then
    cat "$log" >&2
    say "failed with $code: $*"
  fi
  return "$code"
}
