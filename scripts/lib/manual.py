"""Writes man pages: what the commands themselves say, in the language of man(7).

    manual.py PASSENGER DIRECTORY

One page for `passenger` and one for each of its commands (passenger-deploy.1). Those that are called as one of Phusion
Passenger's tools is (passenger-status.1) tell of that, too.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STATUSES = [
    ("0", "done"), ("1", "failed"), ("2", "wrong usage or configuration"), ("3", "no such server runs"),
    ("4", "refused"), ("5", "switched, and switched back"), ("6", "took too long")]


def told(program, name="passenger"):
    """What the program says of itself when it is called by this name."""
    with tempfile.TemporaryDirectory() as directory:
        link = Path(directory, name)
        link.symlink_to(Path(program).resolve())
        answer = subprocess.run([link, "--experimental-dump-help"], stdout=subprocess.PIPE, check=True, timeout=60)
        return json.loads(answer.stdout)["command"]


def escaped(text):
    """Text that no macro and no escape begins in."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def names(argument):
    dashes = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    order = sorted(argument.get("names", []), key=lambda name: name["kind"] != "short")
    return [dashes[name["kind"]] + name["name"] for name in order]


def shown(command):
    return [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]


def option(argument):
    text = ", ".join(f"\\fB{escaped(name)}\\fR" for name in names(argument))
    if argument["kind"] == "option":
        text += f" \\fI{escaped(argument.get('valueName', 'value'))}\\fR"
    return text


def synopsis(words, command):
    parts = [f"\\fB{escaped(words)}\\fR"]
    if any(argument["kind"] != "positional" for argument in shown(command)):
        parts.append("[\\fIoptions\\fR]")
    for argument in shown(command):
        if argument["kind"] == "positional":
            name = f"\\fI{escaped(argument.get('valueName', 'value'))}\\fR"
            if argument.get("isRepeating"):
                name += " ..."
            parts.append(f"[{name}]" if argument.get("isOptional") else name)
    if command.get("subcommands"):
        parts.append("\\fIcommand\\fR")
    return " ".join(parts)


def paragraphs(text):
    """Lines that are indented keep their form."""
    lines = []
    for line in text.split("\n"):
        if not line.strip():
            lines.append(".PP")
        elif line.startswith("  "):
            lines += [".br", escaped(line.strip())]
        else:
            lines.append(escaped(line))
    while lines and lines[-1] == ".PP":
        lines.pop()
    return lines


def arguments(command):
    lines = []
    for argument in shown(command):
        if argument["kind"] == "positional":
            head = f"\\fI{escaped(argument.get('valueName', 'value'))}\\fR"
        else:
            head = option(argument)
        text = argument.get("abstract", "")
        values = argument.get("allValues") or argument.get("allValueStrings")
        if values:
            text += f" One of {', '.join(values)}."
        if argument.get("defaultValue"):
            text += f" (default: {argument['defaultValue']})"
        lines += [".TP", head, escaped(text) if text else "\\&"]
    return lines


def children(command):
    return [child for child in command.get("subcommands", [])
            if child["commandName"] != "help" and child.get("shouldDisplay", True)]


def date():
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def nested(words, command):
    lines = []
    for child in children(command):
        head = words + " " + child["commandName"]
        lines += [f'.SS "{escaped(head)}"', synopsis(head, child), ".PP", escaped(child.get("abstract", "")) or "\\&"]
        lines += arguments(child)
    return lines


def tool_section(tool, command):
    lines = [f'.SH "THE TOOL {escaped(tool)}"', "Called by the name", f"\\fB{escaped(tool)}\\fR,",
             "this program is Phusion Passenger's tool:", escaped(command.get("abstract", "")), ".PP",
             synopsis(tool, command)]
    return "\n".join(lines + arguments(command) + nested(tool, command)) + "\n"


def page(words, command, version, others):
    name = words.replace(" ", "-")
    lines = [f'.TH "{escaped(name.upper())}" 1 "{date()}" "{escaped(version)}" "passenger"', ".SH NAME",
             f"{escaped(name)} \\- {escaped(command.get('abstract', '').rstrip('.'))}", ".SH SYNOPSIS"]
    lines.append(synopsis(words, command))
    if command.get("discussion"):
        lines += [".SH DESCRIPTION"] + paragraphs(command["discussion"])
    if shown(command):
        lines += [".SH OPTIONS"] + arguments(command)
    if children(command):
        lines.append(".SH COMMANDS")
        for child in children(command):
            if words == "passenger":
                lines += [".TP", f"\\fBpassenger\\-{escaped(child['commandName'])}\\fR(1)",
                          escaped(child.get("abstract", "")) or "\\&"]
        if words != "passenger":
            lines += nested(words, command)
    lines.append(".SH EXIT STATUS")
    for status, meaning in STATUSES:
        lines += [".TP", f"\\fB{status}\\fR", meaning]
    if others:
        lines += [".SH SEE ALSO", ",\n".join(f"\\fB{escaped(other)}\\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def main(program, directory):
    root = told(program)
    answer = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True, timeout=60)
    version = answer.stdout.decode().splitlines()[-1]
    pages = {"passenger": page("passenger", root, version, ["passenger-start", "passenger-deploy"])}
    for command in children(root):
        words = "passenger " + command["commandName"]
        pages[words.replace(" ", "-")] = page(words, command, version, ["passenger"])
    for tool in ["passenger-status", "passenger-memory-stats", "passenger-config"]:
        pages[tool] += tool_section(tool, told(program, tool))
    os.makedirs(directory, exist_ok=True)
    for name, text in pages.items():
        Path(directory, name + ".1").write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
