-- What was sold, by category.
SELECT p.category, count(*) AS n
FROM products p
LEFT JOIN orders o ON o.product_id = p.id
WHERE p.price >= :least
GROUP BY p.category
ORDER BY p.category;
