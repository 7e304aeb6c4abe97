"""Reports: from the runs of a study to its answer, its tables and its plots.

evidence, rows, finding    from runs to figures with their reasons; all calculations end here
answer, wording, table     sentences and cells
charts, drawing, figures   plots
page, summary              the HTML page; the summary on a terminal
selftest, drift            the verdict of a self-test; the effects of factors from session to session
together                   several sessions of a study as one finding
docs, pictures, readme     the pages in the docs and README's tables, from kept sessions
"""
