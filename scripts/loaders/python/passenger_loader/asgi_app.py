"""An ASGI app as its server is given it."""


class ASGIApp:
    """Tells when the app's startup is over, and undoes what the gateway stands for: `client` and `scheme` are the client's.

    `ready` is called once when the app's lifespan says that it has started, or when it has none.
    """

    def __init__(self, application, ready):
        self._application = application
        self._ready = ready
        self.failure = None  # What the app says when its startup failed.

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan':
            return await self._run_lifespan(scope, receive, send)
        # The gateway has put these two in place of what strangers sent; the first address is the farthest that is trusted.
        for name, value in scope['headers']:
            if name == b'x-forwarded-proto':
                is_secure = value == b'https'
                scope['scheme'] = ('wss' if is_secure else 'ws') if scope['type'] == 'websocket' else 'https' if is_secure else 'http'
            elif name == b'x-forwarded-for':
                scope['client'] = (value.decode('latin-1').partition(',')[0].strip(), 0)
        await self._application(scope, receive, send)

    async def _run_lifespan(self, scope, receive, send):
        over = False

        async def watch(message):
            nonlocal over
            over = True
            if message['type'] == 'lifespan.startup.failed':
                self.failure = message.get('message') or 'the app gave no reason'
            await send(message)
            if message['type'] == 'lifespan.startup.complete':
                self._ready()

        try:
            await self._application(scope, receive, watch)
        finally:
            # An app that raises, or returns, has no lifespan (ASGI specification, "Lifespan Protocol"): the server goes on.
            if not over:
                self._ready()
