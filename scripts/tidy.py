#!/usr/bin/env python3
"""The tidy rules that the formatter does not know. Prints each finding as FILE:LINE: what is met, and what to do.

Usage: scripts/tidy.py      exits with 1 if there is an error; warnings alone pass
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_WARN, FILE_MOST = 300, 500
FUNCTION_WARN, FUNCTION_MOST = 40, 70

LAYERS = {"Domain": 0, "Telemetry": 1, "Queue": 2, "Upstream": 2, "Vault": 2, "API": 3, "Worker": 3, "Webhook": 3,
          "Relay": 4, "ClaudeSim": 4}
# ClaudeSim's idea of the Claude API must be independent of ours: it imports none of the other modules.
ALONE = {"ClaudeSim"}
# These two are where real clocks come in.
EDGE = ("Sources/Relay/", "Sources/ClaudeSim/")

# (pattern, what to do, files where it is allowed and why)
BANNED = [
    (r"\bDate\(\)", "take `any WallClock`", EDGE),
    (r"\bTask\.sleep\b", "take `some Clock<Duration>` and call its sleep", EDGE),
    (r"\bContinuousClock\(\)", "take the clock as an argument", EDGE),
    (r"\bDispatchQueue\.main\b", "use structured tasks", ()),
    (r"\btry!", "handle the error, or pass it on", ()),
    (r"\bas!", "use `as?`, or a type that needs no cast", ()),
    (r"\bfatalError\(", "throw, or make the state impossible", ()),
    (r"\b(TODO|FIXME)\b", "do it, or file an issue", ()),
    (r"^\s*(public|open)\s", "nothing is public; what crosses a module is `package`", ()),
    (r"^\s*(\w+\s+)?import\s+CSQLite\b", "only Queue/SQLite knows SQLite", ("Sources/Queue/SQLite/",)),
]
# Searched in comments, too.
BANNED_IN_COMMENTS = {r"\b(TODO|FIXME)\b"}

# Names that protocols of the language or of a library give: they are documented there.
WITNESSES = {"description", "debugDescription", "customMirror", "hash", "body", "run", "encode", "makeIterator",
             "makeAsyncIterator", "next", "errorDescription", "allCases", "id", "rawValue", "configuration",
             "makeCounter", "makeMeter", "makeRecorder", "makeTimer", "destroyCounter"}
DECLARATION = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*package\s+(?:(?:static|final|indirect|mutating|nonisolated|override|lazy)\s+)*"
    r"(?P<kind>struct|class|enum|actor|protocol|func|typealias|var|let|subscript|init)\b\s*(?P<name>[\w]+|[^\s(<]+)?")

# Committed text must not know the machine it was written on. The parts are joined here so that this file passes.
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/tmp/" + "bash_jobs", "/home/" + r"(?!user\b|runner\b)\w+/"]))
BINARY = {".png", ".jpg", ".jpeg", ".gif", ".ico", ".gz", ".woff2", ".sqlite"}


class Report:
    """Findings, printed in the order of their places."""

    def __init__(self):
        self.findings = set()

    def error(self, path, line, text):
        self.findings.add((str(path), line, "error", text))

    def warn(self, path, line, text):
        self.findings.add((str(path), line, "warning", text))

    def finish(self):
        for path, line, level, text in sorted(self.findings):
            print(f"{path}:{line}: {level}: {text}", file=sys.stderr)
        errors = sum(level == "error" for _, _, level, _ in self.findings)
        print(f"tidy: {errors} errors, {len(self.findings) - errors} warnings")
        return 1 if errors else 0


TOKEN = re.compile(
    r'(?P<line>//[^\n]*)|(?P<open>/\*)|(?P<hashes>#*)(?P<quote>"""|")|(?P<other>.|\n)', re.DOTALL)


def without_comments_and_strings(text):
    """The same text with comments and the insides of string literals blanked; line breaks stay."""
    result, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        end = match.end()
        if match["open"]:
            end = end_of_comment(text, position)
        elif match["quote"]:
            end = end_of_string(text, match.end(), match["quote"], match["hashes"])
        piece = text[position:end]
        result.append(piece if match["other"] else re.sub(r"[^\n]", " ", piece))
        position = end
    return "".join(result)


def end_of_comment(text, position):
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def end_of_string(text, position, quote, hashes):
    """Interpolations nest: a quote inside \\( … ) does not end the literal."""
    close, escape = quote + hashes, "\\" + hashes
    while position < len(text):
        if text.startswith(escape + "(", position):
            position = end_of_interpolation(text, position + len(escape) + 1)
        elif text.startswith(escape, position):
            position += len(escape) + 1
        elif text.startswith(close, position):
            return position + len(close)
        elif text[position] == "\n" and quote == '"':
            return position  # not a literal after all: a regex, or a mistake that the compiler will name
        else:
            position += 1
    return position


def end_of_interpolation(text, position):
    depth = 1
    while position < len(text) and depth:
        match = TOKEN.match(text, position)
        if match["quote"]:
            position = end_of_string(text, match.end(), match["quote"], match["hashes"])
            continue
        depth += {"(": 1, ")": -1}.get(match["other"], 0)
        position = match.end()
    return position


def check_size(path, lines, report):
    if len(lines) - 1 > FILE_MOST:
        report.error(path, 1, f"{len(lines) - 1} lines; at most {FILE_MOST}. Split it by topic: Type+Topic.swift.")
    elif len(lines) - 1 > FILE_WARN:
        report.warn(path, 1, f"{len(lines) - 1} lines; more than {FILE_WARN} should be rare. Split it by topic.")


def check_functions(path, code, report):
    for match in re.finditer(r"\b(?:func\s+(`[^`]+`|[^\s(<]+)|init[?!]?\s*(?=[(<]))", code):
        opening = body_start(code, match.end())
        if opening is None:
            continue
        length = code.count("\n", opening, matching_brace(code, opening)) - 1
        first, name = code.count("\n", 0, match.start()) + 1, match[1] or "init"
        if length > FUNCTION_MOST:
            report.error(path, first, f"{name} has {length} lines; at most {FUNCTION_MOST}. Name its parts.")
        elif length > FUNCTION_WARN:
            report.warn(path, first, f"{name} has {length} lines; more than {FUNCTION_WARN} should be rare.")


def body_start(code, position):
    """Where the function's `{` is; None for a requirement of a protocol, which has no body."""
    depth = 0
    while position < len(code):
        character = code[position]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth == 0 and character == "{":
            return position
        elif depth < 0 or (depth == 0 and character == "}"):
            return None
        elif depth == 0 and character == "\n":
            following = code[position:].lstrip()
            if not re.match(r"(async|throws|rethrows|->|where|\{|[),.&])", following) and not re.search(
                r"(->|where|,|throws|async|[(\[&])\s*$", code[:position][-200:]
            ):
                return None
        position += 1
    return None


def matching_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)


def requirements(code):
    """The names that the protocols in `code` ask for. They are documented there, not at each witness."""
    names = set()
    for match in re.finditer(r"\bprotocol\s+\w+[^{]*\{", code):
        body = code[match.end():matching_brace(code, match.end() - 1)]
        names.update(re.findall(r"\b(?:func|var)\s+(\w+)", body))
    return names


def check_documentation(path, lines, code_lines, witnesses, report):
    """Every `package` type and function says what it is, except what is self-evident: initialisers, witnesses,
    operators, nested value types, properties, and functions whose body is one line."""
    enclosing = []  # the lines of the braces that are open
    for number, (line, code) in enumerate(zip(lines, code_lines)):
        match = DECLARATION.match(code)
        if match and not is_documented(lines, number) and needs_comment(match, code_lines, number, enclosing, witnesses):
            name = match["name"] or match["kind"]
            report.error(path, number + 1, f"`package` {match['kind']} {name} has no `///`. Say what it is, in which unit.")
        for character in code:
            if character == "{":
                enclosing.append(number)
            elif character == "}" and enclosing:
                enclosing.pop()


def needs_comment(match, code_lines, number, enclosing, witnesses):
    kind, name = match["kind"], (match["name"] or "").strip("`")
    if kind == "init" or name in witnesses or (kind == "func" and not re.match(r"\w", name)):
        return False
    if kind in ("enum", "struct", "typealias") and enclosing:
        return False  # its owner's comment and its name say it; cases and fields carry their own
    if kind in ("var", "let"):
        return not enclosing  # a property or constant of a type whose comment speaks for it
    text = "\n".join(code_lines[number:number + 3])
    return not (kind == "func" and re.match(r"[^\n]*\{[^\n]*(\n[^\n]*\n\s*)?\}\s*$", text, re.MULTILINE))


def is_documented(lines, number):
    above = number - 1
    while above >= 0 and re.match(r"\s*(@\w+|//(?!/))", lines[above]):
        above -= 1
    return above >= 0 and lines[above].lstrip().startswith("///")


def check_banned(path, lines, code_lines, report):
    for pattern, remedy, allowed in BANNED:
        if any(str(path).startswith(place) for place in allowed):
            continue
        searched = lines if pattern in BANNED_IN_COMMENTS else code_lines
        for number, line in enumerate(searched, 1):
            found = re.search(pattern, line)
            if found:
                report.error(path, number, f"`{found[0].strip()}` is not allowed here: {remedy}.")


def check_imports(path, code_lines, report):
    module = path.parts[1]
    if module not in LAYERS:
        return report.error(path, 1, f"{module} is not in the module graph. Add it to Package.swift and scripts/tidy.py.")
    for number, line in enumerate(code_lines, 1):
        match = re.match(r"\s*(?:@\w+\s+)?(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var)\s+)?(\w+)", line)
        if not match or match[1] not in LAYERS:
            continue
        if module in ALONE or LAYERS[match[1]] >= LAYERS[module]:
            report.error(path, number, f"{module} imports {match[1]}: imports point down, never sideways. "
                                       "Move what is shared to a module below both.")


def check_error_codes(report):
    """docs/errors.md's tables and ErrorCode.swift name the same codes."""
    source, document = Path("Sources/Domain/Failure/ErrorCode.swift"), Path("docs/errors.md")
    text = (ROOT / source).read_text()
    cases = re.findall(r'^\s*case (\w+)(?: = "([^"]+)")?$', text, re.MULTILINE)
    codes = {raw or name for name, raw in cases}
    # The verdicts' table has no code: its rows stand under a heading of their own.
    tables = (ROOT / document).read_text().split("## Verdicts")[0]
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", tables, re.MULTILINE))
    for code in codes - listed:
        report.error(document, 1, f"`{code}` of ErrorCode.swift has no row. Add one.")
    for code in listed - codes:
        report.error(source, 1, f"docs/errors.md lists `{code}`, which is no code. Remove the row, or add the case.")


def check_machine_paths(path, lines, report):
    for number, line in enumerate(lines, 1):
        found = MACHINE_PATHS.search(line)
        if found:
            report.error(path, number, f"`{found[0]}` is a path of one machine. Use a relative path.")


def committed():
    """Tracked files and those about to be: not what .gitignore names."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return [Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def check_swift(path, text, code, witnesses, report):
    lines, code_lines = text.split("\n"), code.split("\n")
    check_size(path, lines, report)
    check_functions(path, code, report)
    if path.parts[0] == "Sources":
        check_documentation(path, lines, code_lines, witnesses, report)
        check_banned(path, lines, code_lines, report)
        check_imports(path, code_lines, report)


def main():
    report, swift = Report(), {}
    for path in committed():
        if path.suffix in BINARY:
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        check_machine_paths(path, text.split("\n"), report)
        if path.suffix == ".swift":
            swift[path] = text, without_comments_and_strings(text)
    asked_for = (requirements(code) for path, (_, code) in swift.items() if path.parts[0] == "Sources")
    witnesses = WITNESSES.union(*asked_for)
    for path, (text, code) in swift.items():
        check_swift(path, text, code, witnesses, report)
    check_error_codes(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
