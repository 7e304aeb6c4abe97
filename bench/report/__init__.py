"""From runs to an answer: what a person reads of a study.

evidence, rows, finding    runs → figures with their reasons; nothing is calculated after these
answer, wording, table     the sentences and the cells
charts, drawing, figures   the plots
page, summary              the HTML page, and what ends a run on a terminal
selftest, drift            a self-test's verdict in lines and tables; what moves a core from session to session
together                   several sessions of a study → one finding
findings, pictures, gain   the pages in the docs, of what is kept in the repository
"""
