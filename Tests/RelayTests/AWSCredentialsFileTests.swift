import Domain
import Testing

@testable import Relay

@Suite struct AWSCredentialsFileTests {
    private let text = """
        # made by hand
        [default]
        aws_access_key_id = AKIDEXAMPLE
        aws_secret_access_key=a+b/c==
        ; aws_session_token = old
        [ other ]
        aws_access_key_id = OTHER
        """

    @Test func `a section's lines are found by the names of the environment`() {
        #expect(
            AWSCredentialsFile.section("default", of: text)
                == ["AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a+b/c=="])
        #expect(AWSCredentialsFile.section("other", of: text) == ["AWS_ACCESS_KEY_ID": "OTHER"])
    }

    @Test func `a section that is not there is nil`() {
        #expect(AWSCredentialsFile.section("prod", of: text) == nil)
    }

    @Test func `a file that cannot be read is named`() throws {
        let file = try #require(AWSCredentialsFile(["AWS_SHARED_CREDENTIALS_FILE": "/nowhere/aws"]))
        let error = #expect(throws: RelayError.self) { try file.values() }
        #expect(error?.code == .keyServiceUnavailable && error?.message.contains("/nowhere/aws") == true)
        #expect(AWSCredentialsFile([:]) == nil)
    }
}
