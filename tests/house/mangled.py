"""mangled.py FILE...: comment lines that a formatter has run together, one a line of output.

A contract is a table, a list or an equation block, indented below its comment's text:

    //   backup   Q(k) = r(k) + discount sum_j p(j) V(next(j)), which is long enough to go on
    //            in a second line
    //   * a list's item, which goes on
    //     in a second line

A formatter that fills comments breaks a line that is too long at the column limit and puts the rest
at the item's own indent, where it reads as another item or begins in the middle of an equation:

    //   backup   Q(k) = r(k) + discount sum_j p(j) V(next(j)), which is long enough to go on in a
    //   second
    //            line

So a line is mangled that stands right below an item or an equation, at its indent or left of it,
continues it in the middle of a sentence, and whose first word did not fit there any more.
"""

import re
import sys

LIMIT = 100  # columns
GAP = re.compile(r"\S {2,}\S")
BULLET = re.compile(r"([*+-]|\d+[.)]) ")
DEFINITION = re.compile(r"[^ =]+(\[[^\]=]*\])? \+?= ")
BROKEN_WORD = re.compile(r"[a-z]{2}- (?!and |or |to |nor |but )[a-z]")
COMMENT = re.compile(r"\s*//( *)(.*)$")


def parse(line):
    """(width, indent behind the slashes, text) of a line that is a comment alone, or None."""
    match = COMMENT.fullmatch(line)
    if match is None or not match[2]:
        return None
    return len(line), len(match[1]), match[2]


def is_mangled(before, above, here):
    width, indent, text = above
    if indent < 2 or here[1] > indent:
        return False
    first = here[2].split(" ", 1)[0]
    full = width <= LIMIT < width + 1 + len(first)
    item = GAP.search(text) or BULLET.match(text)
    # the first line of an indented block, with a definition in it
    equation = " = " in text and before is None
    starts_anew = (GAP.search(here[2]) or BULLET.match(here[2]) or DEFINITION.match(here[2]) or
                   here[2].endswith(");"))  # of a program
    dedented = here[1] < indent
    ended = text.endswith((";", "{")) or dedented and (
        text.endswith((".", ":", "!", "?")) or here[2][0].isupper())
    return bool(full and (item or equation) and not starts_anew and not ended)


def main(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file]
        parsed = [None, None] + [parse(line) for line in lines]
        for number, (before, above, here) in enumerate(zip(parsed, parsed[1:], parsed[2:]), 1):
            if above and here and is_mangled(before, above, here):
                print(f"{path}:{number}: {lines[number - 1].strip()[:80]}")
            # a word that was broken at a hyphen and joined again with a space
            if here and BROKEN_WORD.search(here[2]):
                print(f"{path}:{number}: {lines[number - 1].strip()[:80]}")


main(sys.argv[1:])
