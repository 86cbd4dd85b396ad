# Sourced by the checks of the command.

# json FILE EXPRESSION: the file is one JSON value, `found`, for which the Python expression holds.
json() {
  python3 - "$1" "$2" 2>&1 << 'PYTHON'
import json, sys
found = json.load(open(sys.argv[1]))
if not eval(" ".join(sys.argv[2].split()), {"found": found}):
    print(sys.argv[2], "does not hold for", found)
PYTHON
}
