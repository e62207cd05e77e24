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

Jinja2 and itsdangerous come with the extra ``serve``.
"""
