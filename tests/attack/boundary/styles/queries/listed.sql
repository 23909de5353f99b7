-- name: cheap
SELECT id FROM products WHERE price < :most ORDER BY id
-- name: dear
SELECT id FROM products WHERE price >= :most ORDER BY id
