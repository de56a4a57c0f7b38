"""What the learner writes and hunts: exercises, what a check says of them, progress, grades.

From outside: `exercises`, `workspace`, `checking`, `testing`, `grading`.
"""
