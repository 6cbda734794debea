"""Drawing the figures of compare.py, by hand: bars with marks for must and aim, one colour for each model."""

from html import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 980, 270, 150, 15, 13
# An aim that is so many times as far as everything else is only told, not drawn.
FAR = 1.6
COLOURS = ["#2a6fb0", "#d9822b", "#4b9b5f", "#8a5fb0"]
TITLES = {
    "ratio": "times as fast as the peer: longer is better",
    "share": "share of what the machine can do: longer is better",
    "start": "time from start to first token, of the peer's: shorter is better",
    "memory": "peak memory without the cache, of the file's size: shorter is better",
}


def figure(value, kind):
    """A figure as a person reads it."""
    return f"{value * 100:.1f} %" if kind == "share" else f"{value:.2f}"


def number(value, unit):
    """A measured value with its unit."""
    return f"{value * 100:.1f} %" if unit == "share" else f"{value:.1f} {unit}"


def svg(result):
    """The picture as text."""
    models = list(dict.fromkeys(one["model"] for one in result["results"]))
    colours = {model: COLOURS[index % len(COLOURS)] for index, model in enumerate(models)}
    parts, top = heading(result, colours), 78
    for panel, title in TITLES.items():
        rows = [one for one in result["results"] if panel_of(one) == panel]
        if rows:
            drawn, top = draw_panel(title, rows, colours, top)
            parts += drawn
    style = "text{font:13px sans-serif;fill:#222} .title{font-size:19px;font-weight:bold} .panel{font-weight:bold}"
    style += " .small{font-size:11px;fill:#555} .label{paint-order:stroke;stroke:white;stroke-width:4px}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}">'
    background = f'<rect width="{WIDTH}" height="{top}" fill="white"/>'
    return "\n".join([head, f"<style>{style}</style>", background, *parts, "</svg>", ""])


def panel_of(one):
    return "start" if one["kind"] == "ratio" and one["at_most"] else one["kind"]


def heading(result, colours):
    machine, rounds = result["machine"], result["rounds"]
    told = f"{machine['processor']}, {result['threads']} threads, {result['hefu']} beside {result['peer']}"
    told += f", {rounds} round{'s' if rounds > 1 else ''} in turn"
    parts = [text(20, 30, "Hefu beside " + result["peer"], "title"), text(20, 50, told, "small")]
    at = 20
    for model, colour in colours.items():
        parts += [rectangle(at, 60, 14, 12, colour), text(at + 20, 70, model)]
        at += 40 + 8 * len(model)
    legend = [line(at, 58, at, 74, "#111", 2.5), text(at + 7, 70, "must"), dashed(at + 58, 58, 74)]
    legend += [text(at + 65, 70, "aim"), line(at + 110, 66, at + 132, 66, "#111", 1.2)]
    return parts + legend + [text(at + 138, 70, "smallest to largest")]


def draw_panel(title, rows, colours, top):
    """One scale with all of its rows; where the next panel begins."""
    longest = max(max(one["largest"], one["figure"], one["must"] or 0) for one in rows)
    aims = [one["aim"] for one in rows if one["aim"] and one["aim"] <= FAR * longest]
    longest = max([longest, *aims]) * 1.02
    step = next(size for size in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 1e9) if longest / size <= 10)
    scale = (WIDTH - LEFT - RIGHT) / longest
    kind = rows[0]["kind"]
    titles = list(dict.fromkeys(one["title"] for one in rows))
    models = {name: [one for one in rows if one["title"] == name] for name in titles}
    bottom = top + 44 + sum(len(models[name]) * (BAR + 3) + GAP for name in titles)
    parts = [text(20, top + 24, title[0].upper() + title[1:], "panel")]
    for tick in range(int(longest / step) + 1):
        x = LEFT + tick * step * scale
        parts += [line(x, top + 36, x, bottom - 6, "#ddd", 1), text(x, bottom + 8, axis(tick * step, kind), "small", "middle")]
    y = top + 42
    for name in titles:
        height = len(models[name]) * (BAR + 3)
        parts.append(text(LEFT - 10, y + height / 2 + 3, name, anchor="end"))
        for index, one in enumerate(models[name]):
            parts += draw_bar(one, colours[one["model"]], y + index * (BAR + 3), scale)
        parts += draw_limits(models[name][0], y - 3, y + height, scale)
        for index, one in enumerate(models[name]):
            parts.append(draw_label(one, y + index * (BAR + 3), scale))
        y += height + GAP
    return parts, bottom + 22


def draw_bar(one, colour, y, scale):
    middle = y + BAR / 2
    low, high = LEFT + one["smallest"] * scale, LEFT + one["largest"] * scale
    return [
        rectangle(LEFT, y, one["figure"] * scale, BAR, colour),
        line(low, middle, high, middle, "#111", 1.2),
        line(low, middle - 3, low, middle + 3, "#111", 1.2),
        line(high, middle - 3, high, middle + 3, "#111", 1.2),
    ]


def draw_label(one, y, scale):
    end = LEFT + max(one["figure"], one["largest"]) * scale
    return text(end + 7, y + BAR / 2 + 4.5, axis_words(one["figure"], one["kind"]), "label")


def draw_limits(one, top, bottom, scale):
    if one["must"] is None:
        return []
    must = LEFT + one["must"] * scale
    drawn = [line(must, top, must, bottom, "#111", 2.5)]
    if one["aim"] is None:
        return drawn
    aim = LEFT + one["aim"] * scale
    if aim <= WIDTH - RIGHT:
        return drawn + [dashed(aim, top, bottom)]
    middle = (top + bottom) / 2 + 4
    return drawn + [text(WIDTH - 16, middle, f"aim: {axis_words(one['aim'], one['kind'])} →", "small", "end")]


def axis_words(value, kind):
    return figure(value, kind) + ("" if kind == "share" else " ×")


def axis(value, kind):
    return f"{value * 100:.0f} %" if kind == "share" else f"{value:g} ×"


def text(x, y, words, style="", anchor="start"):
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind} text-anchor="{anchor}">{escape(words)}</text>'


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(x1, y1, x2, y2, colour, width):
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def dashed(x, top, bottom):
    return f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="#111" stroke-width="1.6" stroke-dasharray="3 2.5"/>'
