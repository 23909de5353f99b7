"""The SQL guard: whether a statement may run.

The rule. The application's source is read (``modules``, ``source``): its strings are **templates**,
with a hole wherever a value is put in. A statement is cut into tokens (``lexer``) and may run if it
is **derived** (``rule``): its tokens are those of one template, and each hole holds

1. text that stays within the quotes around it, whatever it is;
2. a number where a value is due, or a list of numbers within ``IN (…)`` (``places``, ``gaps``);
3. placeholders of bound parameters;
4. ``ASC`` or ``DESC`` behind an item of ORDER BY;
5. a name, as an item of ORDER BY or GROUP BY or on the left of a comparison with a bound
   parameter, if ``identifier()``, a container of the application or the statement's own SELECT
   vouches for it;
6. what the source itself puts into this hole: constants, or what ``identifier()`` gave (``flow``);
7. other whole templates, from code that is near: the two use each other (``literals``).

The statement may go on with templates that are near. Nothing else may run, whoever wrote it. How a
value was decoded or changed on its way makes no difference: the rule never looks at that.

One thing is left: a client can send the application's own literals. So where more than one piece of
code can have made a statement, no value of the request may hold a piece of a literal with the gap
beside it (``Derivation.windows``). What SQLAlchemy makes itself is not joined; ``sources`` finds
what in it is an application's own text, and ``guard`` judges that.
"""
