"""What a user of the chat sees when a part of it was switched: a sentence for each switch.

True for a stage until the next one that has a sentence of its own.
"""

PAGES_WAIT = "What waited there is done now."
FROM_THE_DATABASE = (
    "The chat goes on: a message comes up to two seconds later, because it is found in the "
    "database."
)
SENTENCES = {
    ("Instance", "kill"): {
        1: "Its pages do not load any more, and what is sent to it now is lost.",
        2: "Its pages ask again and again, and say “Not sent” of what is written there.",
        4: "Its pages say “Disconnected”: they hear nothing more, and what is written there "
        "now is lost.",
        9: "Its pages keep what is written there, and try to come back.",
    },
    ("Instance", "stop"): {
        1: "Its pages do not load: the browser waits until it goes on.",
        2: "Its pages say nothing of it: news and answers wait until it goes on.",
        4: "Its pages still say “Connected”, but what is written there waits, and nothing comes, "
        "until it goes on.",
        9: "Its pages still say “Live”, until they have waited ten seconds for an answer. They "
        "keep what is written there.",
    },
    ("Instance", "go on"): {1: PAGES_WAIT},
    ("Instance", "start"): {
        1: "Its pages load again.",
        2: "Its pages come back by themselves, with what they missed.",
        4: "Reload its pages, because a closed socket does not come back: then they show what "
        "was stored.",
        9: "Its pages come back by themselves within half a minute, with what they missed.",
    },
    ("RedisServer", "kill"): {
        6: "All pages say “Disconnected”. What is written now is stored, but its author gets an "
        "error page, and nobody else is told.",
        9: "All pages keep what is written, and try to come back.",
        10: FROM_THE_DATABASE,
    },
    ("RedisServer", "stop"): {
        6: "All pages still say “Connected”, but nobody sees what is written now, not even its "
        "author, until Redis goes on.",
        9: "Nobody but its author sees what is written now, until Redis goes on.",
        10: FROM_THE_DATABASE,
    },
    ("RedisServer", "go on"): {6: "What waited comes now.", 10: "Messages come at once again."},
    ("RedisServer", "start"): {
        6: "Reload all pages: their sockets are closed, and Redis has forgotten its groups.",
        9: "All pages come back by themselves within half a minute, with what they missed.",
        10: "Messages come at once again.",
    },
    ("Worker", "kill"): {
        7: "Nobody answers /roll. What the worker had begun is lost; new jobs wait in Redis, "
        "for 60 seconds.",
    },
    ("Worker", "stop"): {7: "Nobody answers /roll: jobs wait in Redis, for 60 seconds."},
    ("Worker", "go on"): {7: "It answers what has waited for less than 60 seconds."},
    ("Worker", "start"): {7: "It answers what has waited for less than 60 seconds."},
    ("PostgresServer", "kill"): {
        10: "Nothing can be stored. The pages say so, keep what is written, and send it again.",
    },
    ("PostgresServer", "stop"): {10: "Nothing is stored until it goes on. The pages keep it."},
    ("PostgresServer", "go on"): {10: "What the pages kept is stored now."},
    ("PostgresServer", "start"): {10: "What the pages kept is stored now."},
    ("Network", "cut"): {
        1: "No page loads there, and what is sent now is lost.",
        2: "The page asks again and again, and says “Not sent” of what is written there.",
        4: "The page says “Disconnected”: it hears nothing more, and what is written there now "
        "is lost.",
        9: "The page keeps what is written there, and tries to come back.",
    },
    ("Network", "mend"): {
        1: "Pages load again.",
        2: "The page comes back by itself, with what it missed.",
        4: "Reload the page, because a closed socket does not come back: then it shows what was "
        "stored.",
        9: "The page comes back by itself within half a minute, with what it missed.",
    },
}
# Its sockets stay open where the stages' own layer, of the other kind, loses them.
OTHER_LAYER = {"kill": "Messages are stored, but nobody is told.", "start": "Messages come again."}


def sentence(run, kind, action):
    """The sentence for what was done to a part of this kind, in this run's stage."""
    if kind == "RedisServer" and not run.is_final and run.redis_layer != run.stage.redis_layer:
        return OTHER_LAYER.get(action, "")
    known = SENTENCES[kind, action]
    return known[max(number for number in known if number <= run.stage.number)]
