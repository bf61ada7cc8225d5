"""Formulas as MathML, which browsers draw by themselves: no script, no network, and readable in a file."""

from latex2mathml.converter import convert
from sphinx.util.docutils import SphinxTranslator


def inline(translator: SphinxTranslator, node):
    """Write a formula in a line, as MathML in place of the node."""
    translator.body.append(convert(node.astext(), display="inline"))
    _skip()


def block(translator: SphinxTranslator, node):
    """Write a formula of its own line."""
    translator.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    _skip()


def _skip():
    from docutils.nodes import SkipNode

    raise SkipNode


def setup(app):
    """Register the renderer; `html_math_renderer = "mathml"` chooses it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
