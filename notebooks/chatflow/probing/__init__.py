"""What a stage can do, found out by trying it: one probe for each row of the matrix.

From outside: `capabilities.measure`, `survey.Survey`, `matrix`; for tests `people`, `stage_probes`.
"""
