"""A triangle mesh that is edited edge by edge: split, collapse, flip. Harmful edits are refused."""

import numpy as np

Edge = tuple[int, int]


class EditableMesh:
    """Vertices with stable numbers, and the triangles around each. Pinned vertices never move or vanish."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self.position = [np.array(v, float) for v in vertices]
        self.faces = {i: tuple(int(v) for v in face) for i, face in enumerate(faces)}
        self.around: list[set[int]] = [set() for _ in vertices]
        self.pinned: set[int] = set()
        self._next_face = len(faces)
        for i, face in self.faces.items():
            for v in face:
                self.around[v].add(i)

    def neighbours(self, v: int) -> set[int]:
        return {w for i in self.around[v] for w in self.faces[i]} - {v}

    def edge_faces(self, a: int, b: int) -> set[int]:
        return self.around[a] & self.around[b]

    def edges(self) -> list[Edge]:
        """All edges (smaller vertex first), sorted."""
        pairs = {
            (min(a, b), max(a, b)) for f in self.faces.values() for a, b in zip(f, f[1:] + f[:1], strict=True)
        }
        return sorted(pairs)

    def boundary_edges(self) -> list[Edge]:
        return [e for e in self.edges() if len(self.edge_faces(*e)) == 1]

    def on_boundary(self, v: int) -> bool:
        return any(len(self.edge_faces(v, w)) == 1 for w in self.neighbours(v))

    def used(self) -> list[int]:
        """Numbers of the vertices that belong to a triangle."""
        return [v for v, faces in enumerate(self.around) if faces]

    def points(self, edges: list[Edge]) -> tuple[np.ndarray, np.ndarray]:
        """End points of edges, two arrays (n, 3)."""
        return np.array([self.position[a] for a, _ in edges]), np.array([self.position[b] for _, b in edges])

    def arrays(self) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
        """Compact vertices and faces, and the new index of each used vertex."""
        used = self.used()
        number = {v: i for i, v in enumerate(used)}
        faces = np.array([[number[v] for v in face] for face in self.faces.values()])
        return np.array([self.position[v] for v in used]), faces, number

    def split(self, a: int, b: int) -> None:
        """Puts a vertex in the middle of an edge."""
        new = len(self.position)
        self.position.append((self.position[a] + self.position[b]) / 2)
        self.around.append(set())
        for i in sorted(self.edge_faces(a, b)):
            face = self.faces[i]
            self._remove(i)
            self._add(tuple(new if v == b else v for v in face))
            self._add(tuple(new if v == a else v for v in face))

    def collapse(self, a: int, b: int) -> bool:
        """Merges an edge's ends.

        Returns False if topology, a pinned vertex or a triangle's normal forbids it.
        """
        faces = self.edge_faces(a, b)
        a_rim, b_rim = self.on_boundary(a), self.on_boundary(b)
        if len(self.neighbours(a) & self.neighbours(b)) != len(faces):
            return False
        if (a_rim and b_rim and len(faces) == 2) or {a, b} <= self.pinned:
            return False
        if b in self.pinned or (b_rim and not a_rim):
            a, b, a_rim, b_rim = b, a, b_rim, a_rim
        if b in self.pinned or (b_rim and not a_rim):
            return False
        keep = a in self.pinned or (a_rim and not b_rim)
        target = self.position[a] if keep else (self.position[a] + self.position[b]) / 2
        opposite = [v for i in faces for v in self.faces[i] if v not in (a, b)]
        if any(len(self.neighbours(v)) <= (2 if self.on_boundary(v) else 3) for v in opposite):
            return False
        if len(self.neighbours(a) | self.neighbours(b)) - 2 > 9:
            return False
        if any(self._turns(i, v, target) for v in (a, b) for i in self.around[v] - faces):
            return False
        for i in sorted(faces):
            self._remove(i)
        for i in sorted(self.around[b]):
            face = self.faces[i]
            self._remove(i)
            self._add(tuple(a if v == b else v for v in face))
        self.position[a] = target
        return True

    def flip(self, a: int, b: int) -> bool:
        """Replaces an edge by its two triangles' other diagonal.

        Returns False if that would fold the surface.
        """
        pair = self.opposite_vertices(a, b)
        if pair is None:
            return False
        c, d = pair
        if d in self.neighbours(c) or min(len(self.neighbours(a)), len(self.neighbours(b))) <= 4:
            return False
        old = sorted(self.edge_faces(a, b))
        new = ((a, d, c), (d, b, c))
        middle = sum(self._normal(self.faces[i]) for i in old)
        if any(not _agree(self._normal(face), middle, 0.4) for face in new):
            return False
        for i in old:
            self._remove(i)
        for face in new:
            self._add(face)
        return True

    def opposite_vertices(self, a: int, b: int) -> tuple[int, int] | None:
        """The third vertices left and right of the edge a -> b; None on the boundary."""
        faces = self.edge_faces(a, b)
        if len(faces) != 2:
            return None
        left = right = -1
        for i in faces:
            face = self.faces[i]
            third = next(v for v in face if v not in (a, b))
            if face[(face.index(a) + 1) % 3] == b:
                left = third
            else:
                right = third
        return left, right

    def _normal(self, face: tuple[int, ...]) -> np.ndarray:
        p, q, r = (self.position[v] for v in face)
        return np.cross(q - p, r - p)

    def _turns(self, i: int, moved: int, target: np.ndarray) -> bool:
        p, q, r = (target if v == moved else self.position[v] for v in self.faces[i])
        return not _agree(self._normal(self.faces[i]), np.cross(q - p, r - p), 0.35)

    def _add(self, face: tuple[int, ...]) -> None:
        self.faces[self._next_face] = face
        for v in face:
            self.around[v].add(self._next_face)
        self._next_face += 1

    def _remove(self, i: int) -> None:
        for v in self.faces[i]:
            self.around[v].discard(i)
        del self.faces[i]


def _agree(m: np.ndarray, n: np.ndarray, cosine: float) -> bool:
    return m @ n > cosine * np.sqrt((m @ m) * (n @ n)) + 1e-9


def boundary_of(faces: np.ndarray) -> np.ndarray:
    """Edges (n, 2) that belong to a single triangle."""
    edges = np.sort(np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def all_edges(faces: np.ndarray) -> np.ndarray:
    """Edges (n, 2), each once."""
    edges = np.sort(np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])), axis=1)
    return np.unique(edges, axis=0)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(b - a, c - a))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)
