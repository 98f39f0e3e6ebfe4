pub fn bounding_box(points: &[Point]) -> Option<Rect> {
    let first = points.first()?;
    let mut rect = Rect { left: first.x, top: first.y, right: first.x, bottom: first.y };
    for point in &points[1..] {
        if point.x < rect.left {
            rect.left = point.x;
        }
        if point.x > rect.right {
            rect.right = point.x;
        }
        if point.y < rect.top {
            rect.top = point.y;
        }
        if point.y > rect.bottom {
            rect.bottom = point.y;
        }
    }
    Some(rect)
}
