import ServiceLifecycle

/// Waits for `duration`, but not past the moment when the process is told to end or the task is cancelled.
func rest(for duration: Duration) async {
    try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
}
