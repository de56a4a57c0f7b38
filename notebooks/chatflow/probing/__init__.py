"""What a stage can do, found out by trying it: one probe for each row of the matrix.

From outside: `capabilities.measure`, `survey.Survey`, `race.Race`, `matrix`; for tests `people` and
`stage_probes`.
"""
