"""The door: a small application in front of Django's, in the same process, for the few requests that come all day.

Introspection, token requests, registration and metadata are answered here, many at a time: those that wait share one
statement or one transaction (`lines`). The door takes only the plain case and asks the same services as the views;
whatever is unusual (another method, a header twice, a personal access token …) goes on to Django (`pages`), whose views
know every answer. So each rule stands once, below both.
"""
