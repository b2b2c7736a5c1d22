"""Renderings of a report for people: `markdown` and `html` to pass on, `terminal` to look at.

*Guarantees*: a rendering adds nothing to the report and gives the number of what it leaves out;
what comes from the data is shown as text, never as markup, control sequence or link.

*Not here*: the report as JSON, which is the payload itself (`ReportPublished.model_dump_json`).
"""
