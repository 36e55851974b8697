import Yams
import ServiceLifecycle
import Metrics
import Logging
import ArgumentParser
print("x")
