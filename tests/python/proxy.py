"""A stretch of network between a client and a server that breaks when it is told to."""

import contextlib
import select
import socket
import threading


class Proxy:
    """Passes bytes between connections to `address` and the server at `target`.

    `cut_after`: a connection is cut once it has carried so many bytes to the server, as often as `cuts` says; before, nothing more is
    passed on until `before_cut` has returned. `cut()` cuts what is open.
    """

    def __init__(self, target: str, cut_after: int = 0, cuts: int = 0, before_cut=lambda: None):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._cut_after = cut_after
        self._cuts_left = cuts
        self._before_cut = before_cut
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.sent = 0  # bytes to the server, over all connections
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=10)
        except OSError:
            near.close()
            return
        with near, far:
            with self._lock:
                self._open |= {near, far}
            with contextlib.suppress(OSError):
                self._pass(near, far)
            with self._lock:
                self._open -= {near, far}

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        carried = 0
        while True:
            for end in select.select([near, far], [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                (far if end is near else near).sendall(data)
                if end is near:
                    carried += len(data)
                    self.sent += len(data)
            if self._cuts_left and carried >= self._cut_after:
                self._cuts_left -= 1
                self._before_cut()
                self._end_in_order(far)
                return

    @staticmethod
    def _end_in_order(far: socket.socket) -> None:
        """The server knows that the connection is over before the client does, and comes back."""
        far.settimeout(10)
        far.shutdown(socket.SHUT_WR)
        while far.recv(65536):
            pass
