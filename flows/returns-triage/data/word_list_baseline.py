"""Runs the word-list baseline (VADER, vaderSentiment 3.3.2) on the held-out rows and prints baselines.json.

    python3 -m venv VENV && VENV/bin/pip install vaderSentiment==3.3.2 blake3
    VENV/bin/python flows/returns-triage/data/word_list_baseline.py > flows/returns-triage/data/baselines.json

Kind: compound <= -0.05 complaint, >= 0.05 praise, else neutral (the cuts VADER's own page gives).
Severity: severe where compound is at most the cut that is right most often on the training rows.
Nothing in the program needs this file: it records where the figures come from.
"""
import json
import os

import blake3
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

FOLDER = os.path.dirname(os.path.abspath(__file__))
analyzer = SentimentIntensityAnalyzer()


def rows(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def compound(row):
    return analyzer.polarity_scores(row["text"])["compound"]


def measures(pairs):
    accuracy = sum(truth == said for truth, said in pairs) / len(pairs)
    f1 = []
    for label in sorted({truth for truth, _ in pairs}):
        right = sum(truth == said == label for truth, said in pairs)
        all_of_it = sum(truth == label for truth, _ in pairs) + sum(said == label for _, said in pairs)
        f1.append(2 * right / all_of_it)
    return {"accuracy": round(accuracy, 4), "macro_f1": round(sum(f1) / len(f1), 4)}


def kind(value):
    return "complaint" if value <= -0.05 else "praise" if value >= 0.05 else "neutral"


held_out, training = rows("heldout.jsonl"), rows("training.jsonl")
complaints = [(row["severity"], compound(row)) for row in training if "severity" in row]
cuts = [step / 100 for step in range(-100, 101)]
cut = max(cuts, key=lambda cut: sum((truth == "severe") == (value <= cut) for truth, value in complaints))
with open(os.path.join(FOLDER, "heldout.jsonl"), "rb") as file:
    digest = blake3.blake3(file.read()).hexdigest()
by_kind = [(row["kind"], kind(compound(row))) for row in held_out]
by_severity = [(row["severity"], "severe" if compound(row) <= cut else "mild") for row in held_out if "severity" in row]
print(json.dumps({
    "heldout": digest,
    "kind": [{"name": "word list (VADER 3.3.2)", **measures(by_kind)}],
    "severity": [{"name": f"word list (VADER 3.3.2), cut {cut}", **measures(by_severity)}],
}, indent=2))
