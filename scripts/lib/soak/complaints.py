"""What was not as it has to be."""

SHOWN = 20


class Complaints(list):
    def __init__(self, server):
        super().__init__()
        self._server = server

    def add(self, text):
        """Said at once; with the first ones, what the server has to say."""
        self.append(text)
        print(f"FAILED: {text}", flush=True)
        if len(self) <= 3:
            print(self._server.last_words(), flush=True)

    def show(self):
        for complaint in self[:SHOWN]:
            print(f"FAILED: {complaint}")
        if len(self) > SHOWN:
            print(f"and {len(self) - SHOWN} more")
