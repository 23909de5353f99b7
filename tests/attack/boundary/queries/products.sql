-- name: dear
-- All that costs more.
SELECT id, name FROM products WHERE price > :least ORDER BY id;

-- name: sorted
SELECT id, name FROM products ORDER BY {order}
