"""The people's page: cards to look at and to decide on in a browser (docs/page.md). A surface over the same cards and
folders as a file manager has; it keeps nothing that matters, and could be deleted without loss.

    routes      its addresses
    page        what all of them share: session, form, template, headers, errors
    session     who has signed in: the link, the cookie, the token in each form
    desk        what waits, read again only where it changed
    wanted      filters and search
    views       a card, for the templates
    inbox       the list, a card, the decision on it
    edit        a card edited in place, with its preview
    several     several cards at once
    taking_back undo
    propose     an entry typed by a person
    record      the Record, the story of an entry, and what may be done with it
    activity    decisions over time, receipts, verify
    plans       the plans, a task, and what a person may do with it
    status      the daemon, refused files, the doctor
    refused     what lies in problems/, for both
    tally       what the receipts say of each source and day
    pulse, live what has changed on disk, told to open pages
    signing_in  the link, accounts, and out again
    words       how values read

Jinja2 and itsdangerous come with the extra ``serve``.
"""
